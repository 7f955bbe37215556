-- The examples that live in an event loop: watch_cqueues.lua, watch_luv.lua, loop_select.lua, embed/.

local fixture = require "spec.support.fixture"

describe("examples/", function()
  local portal, programs
  fixture.programs(_ENV, function(...) portal, programs = ... end)

  local function offer(number, options)
    fixture.offer(portal, { offer = "offer-" .. number, steps = { { name = "one", seconds = 10 } } }, options)
  end

  for _, name in ipairs { "watch_cqueues.lua", "watch_luv.lua" } do
    describe(name, function()
      it("prints each change until nothing runs, and goes on with its other work", function()
        for number = 1, 2 do offer(number) end
        portal:fault { match = { path = "/offer%-1/" }, delay = 0.2 }
        local program = programs:start { "examples/" .. name, "contoso", "offer-1", "offer-2" }
        for _ = 1, 2 do program:read_until(": running, 0 %") end
        portal:advance(100)
        local output, errors, status = program:finish()
        for number = 1, 2 do
          local place = output:find(("offer-%d: running, 0 %%\n"):format(number), 1, true)
          assert.is_truthy(output:find(("offer-%d: completed, 100 %%\n"):format(number), place, true), output)
        end
        assert.is_true(tonumber(output:match("(%d+) ticks")) > 5, output)
        assert.same({ "", 0 }, { errors, status })
      end)

      it("ends when it is asked to", function()
        offer(1)
        local program = programs:start { "examples/" .. name, "contoso", "offer-1" }
        program:read_until(": running")
        program:kill "TERM"
        local output, errors, status = program:finish()
        assert.is_truthy(output:find("offer-1: stopped: ", 1, true), output)
        assert.same({ "", 1 }, { errors, status })
      end)

      it("says what it cannot see", function()
        offer(1)
        portal:fault { status = 403 }
        local output, errors, status = programs:run { "examples/" .. name, "contoso", "offer-1" }
        assert.is_truthy(output:find("^offer%-1: http: 403: [^\n]*GET http"), output)
        assert.same({ "", 1 }, { errors, status })
      end)
    end)
  end

  it("loop_select.lua cancels many offers at once", function()
    offer(1, { cancel_mode = "synchronous" })
    offer(2, { cancel_seconds = 0 })
    local output, errors, status = programs:run { "examples/loop_select.lua", "contoso", "offer-1", "offer-2", "none" }
    assert.is_truthy(output:find("offer-1: canceled\n", 1, true), output)
    assert.is_truthy(output:find("offer-2: canceled\n", 1, true), output)
    assert.is_truthy(output:find("none: http: ", 1, true), output)
    assert.same({ "", 1 }, { errors, status })
  end)

  -- The host program, which `make examples` builds.
  local embed = (os.getenv "BUILD" or "build") .. "/embed"
  local built <close> = io.open(embed)
  local it_if_built = built and it or pending

  it_if_built("embed.c drives the client from a loop of its own, in C", function()
    for number = 1, 3 do offer(number, { cancel_seconds = 0 }) end
    portal:fault { match = { path = "/offer%-1/" }, times = -1, delay = 0.1 }
    local output, errors, status = programs:run { embed, "examples/embed/embed.lua", "contoso", "offer-1", "offer-2", "offer-3",
                                                  "none" }
    for number = 1, 3 do assert.is_truthy(output:find(("offer-%d: canceled\n"):format(number), 1, true), output) end
    assert.is_truthy(output:find("none: http: ", 1, true), output)
    assert.is_true(tonumber(output:match("(%d+) ticks")) > 10, output)
    assert.same({ "", 1 }, { errors, status })
  end)

  it_if_built("embed.c closes what a coroutine that failed had open, and runs the others to their end", function()
    offer(1, { cancel_mode = "synchronous" })
    local script = programs:file [[
      local host = assert(loadfile "examples/embed/embed.lua")(...)
      table.insert(host.jobs, 1, function()
        local open <close> = setmetatable({}, { __close = function() print "closed" end })
        error "deliberate"
      end)
      return host
    ]]
    local output, errors, status = programs:run { embed, script, "contoso", "offer-1" }
    assert.is_truthy(output:find("^closed\noffer%-1: canceled\n"), output)
    assert.is_truthy(errors:find("^embed: [^\n]*: deliberate\n$"), errors)
    assert.equal(1, status)
  end)
end)
