-- A forked child of the specs' own process.
--
--   local child = fork(function() client:close() end)   -- the child runs this, and ends
--   ... the parent goes on ...
--   assert.equal(0, child:wait())                       -- what it raised is on the standard error

local function load_module()
  local name = os.tmpname()
  local lua = "lua" .. _VERSION:match "[%d.]+$"
  local headers = ("$(pkg-config --cflags %s 2>/dev/null || echo -I/usr/include/%s)"):format(lua, lua)
  local build = ("${CC:-cc} -shared -fPIC %s -o '%s' spec/support/fork.c"):format(headers, name)
  assert(os.execute(build), "fork.c cannot be built")
  local open = assert(package.loadlib(name, "luaopen_fork"))
  os.remove(name)
  return open()
end

local module = load_module()

local Child = {}
Child.__index = Child

--- Waits until the child has ended.
-- @return its exit status: 0 where its function returned, 1 where that raised, more for a signal
function Child:wait()
  return module.wait(self.id)
end

return function(fn)
  local id = module.fork()
  if id > 0 then return setmetatable({ id = id }, Child) end
  local done, problem = xpcall(fn, debug.traceback)
  if not done then io.stderr:write("child: ", tostring(problem), "\n") end
  module.leave(done and 0 or 1)
end
