-- The ways in which a call can be driven: by the blocking loop, or in a coroutine of an event loop.
--
--   for _, driver in ipairs(drivers) do
--     driver.name, driver.loop                -- the loop that the client is given
--     driver.run(function() ... end)          -- runs it to its end; raises what it raises
--   end

local cpp = require "cpp"
local cqueues = require "cqueues"
local uv = require "luv"

local blocking = { name = "blocking", loop = cpp.loop.blocking }

function blocking.run(fn)
  fn()
end

local in_cqueues = { name = "cqueues", loop = cpp.loop.cqueues }

function in_cqueues.run(fn)
  local controller = cqueues.new()
  local done, problem
  controller:wrap(function() done, problem = xpcall(fn, debug.traceback) end)
  local ended, message = controller:loop()
  controller:close()
  if not ended then error(message, 0) end
  if not done then error(problem, 0) end
end

local in_luv = { name = "luv", loop = cpp.loop.luv }

function in_luv.run(fn)
  local done, problem
  local thread = coroutine.create(function() done, problem = xpcall(fn, debug.traceback) end)
  coroutine.resume(thread)
  while coroutine.status(thread) ~= "dead" do uv.run("once") end
  uv.run("nowait") -- the handles that it closed
  if not done then error(problem, 0) end
end

return { blocking, in_cqueues, in_luv }
