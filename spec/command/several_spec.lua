-- cpp-portal cancel of several offers: each offer is reported, whatever a response holds and whatever fails.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"

describe("cpp-portal", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offer(options, name) fixture.offer(portal, { offer = name }, options) end

  local function location(name)
    return ("%s/api/publishers/contoso/offers/%s/operations/first"):format(portal.url, name)
  end

  describe("cancel", function()
    -- Responses to one of several cancels: one that cannot be read, and one whose fields are none of the service's.
    for body, can_be_read in pairs {
      ["[" .. ("0,"):rep(100000) .. "0]"] = false,
      ['{"location":{},"state":[],"outcome":5,"publisher":7,"message":{"\\u0001cpp-exact-integer:007":[[],null]}}'] = true,
    } do
      it("reports each of several that were accepted, whatever one response holds: " .. body:sub(1, 50), function()
        for _, name in ipairs { "ok-1", "odd", "ok-2" } do offer(nil, name) end
        portal:fault { match = { path = "/odd/cancel" }, status = 202, body = body,
                       headers = { ["Operation-Location"] = "/api/operations/1", ["Content-Type"] = "application/json" } }
        local output, errors, status = run("cancel", "--json", "contoso", "ok-1", "odd", "ok-2")
        local seen = {}
        for line in output:gmatch "[^\n]+" do
          local row = cjson.decode(line)
          seen[row.offer] = row.status == 202 or row.error.ambiguous and row.error.location ~= nil and "unclear"
        end
        assert.same({ ["ok-1"] = true, odd = can_be_read or "unclear", ["ok-2"] = true }, seen)
        assert.same({ can_be_read, can_be_read and 0 or 3 }, { errors == "", status })
      end)
    end

    it("reports in a row that a result cannot be written, and reports the others", function()
      for _, name in ipairs { "ok-1", "odd", "ok-2" } do offer(nil, name) end
      programs:begin_with [[
        package.preload["cpp.command.json"] = function()
          local encode = dofile(package.searchpath("cpp.command.json", package.path))
          return function(document)
            if document.status and document.offer == "odd" then error "it is broken" end
            return encode(document)
          end
        end]]
      local output, errors, status = run("cancel", "--json", "contoso", "ok-1", "odd", "ok-2")
      assert.matches("odd: accepted, but the result cannot be written: [^\n]*it is broken", errors)
      local row = cjson.decode(output:match '[^\n]*"offer":"odd"[^\n]*')
      assert.same({ "raised", location "odd" }, { row.error.kind, row.error.location })
      for _, name in ipairs { "ok-1", "ok-2" } do assert.matches(name, output, 1, true) end
      assert.equal(1, status)
    end)

    it("reports what may have been accepted where the run itself ends, with its exit status", function()
      for _, offer_name in ipairs { "ok-1", "lost" } do offer(nil, offer_name) end
      portal:fault { match = { method = "POST", path = "/lost/cancel$" }, action = "close" }
      programs:begin_with [[
        package.preload["cpp.command.report"] = function()
          local report = dofile(package.searchpath("cpp.command.report", package.path))
          report.unwritten, report.outcome = nil, function() error "not enough memory" end
          return report
        end]]
      local _, errors, status = run("cancel", "contoso", "ok-1", "lost")
      assert.is_truthy(errors:find("lost: the service may have acted\n", 1, true), errors)
      assert.equal(3, status)
    end)
  end)

  describe("cancel of several offers", function()
    before_each(function()
      for number = 1, 3 do offer(nil, "offer-" .. number) end
    end)

    it("reports each, and exits with 3 when one is not known", function()
      portal:fault { match = { path = "/offer%-3/cancel" }, action = "close" }
      local output, errors, status = run("cancel", "contoso", "offer-1", "offer-2", "offer-3", "none")
      for number = 1, 2 do
        local name = "offer-" .. number
        assert.is_truthy(output:find("\n" .. name .. "  accepted    " .. location(name) .. "\n", 1, true), output)
      end
      assert.equal(3, select(2, output:gsub("\n", "")))
      assert.is_truthy(errors:find("cpp-portal: none: http: 404: ", 1, true))
      assert.is_truthy(errors:find("cpp-portal: offer-3: network: ", 1, true))
      assert.equal(3, status)
    end)

    it("has no more requests in flight than --concurrency", function()
      portal:fault { match = { method = "POST" }, delay = 0.05, times = -1 }
      run("cancel", "--concurrency", "1", "contoso", "offer-1", "offer-2", "offer-3")
      local connections = {}
      for _, entry in ipairs(portal:journal()) do connections[entry.connection] = true end
      assert.is_nil(next(connections, next(connections))) -- a second one is made only for a second request at once
    end)

    it("sends nothing when one of them is not a valid offer", function()
      local output, errors, status = run("cancel", "contoso", "offer-1", "..")
      assert.same({ "", "cpp-portal: OFFER: expected an identifier, not '..'; see `cpp-portal help cancel`\n", 2 },
        { output, errors, status })
      assert.same({}, portal:journal())
    end)
  end)
end)
