-- cpp-portal cancel of several offers: each offer is reported, whatever a response holds and whatever fails.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"

describe("cpp-portal cancel", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offers(...)
    for _, name in ipairs { ... } do fixture.offer(portal, { offer = name }) end
  end

  -- Responses to one of several cancels: one that cannot be read, and one whose fields are none of the service's.
  for body, can_be_read in pairs {
    ["[" .. ("0,"):rep(100000) .. "0]"] = false,
    ['{"location":{},"state":[],"outcome":5,"publisher":7,"message":{"\\u0001cpp-exact-integer:007":[[],null]}}'] = true,
  } do
    it("reports each of several that were accepted, whatever one response holds: " .. body:sub(1, 50), function()
      offers("ok-1", "odd", "ok-2")
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
    offers("ok-1", "odd", "ok-2")
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
    assert.equal("raised", row.error.kind)
    assert.matches("/offers/odd/operations/first$", row.error.location)
    for _, name in ipairs { "ok-1", "ok-2" } do assert.matches(name, output, 1, true) end
    assert.equal(1, status)
  end)

  it("reports what may have been accepted where the run itself ends, with its exit status", function()
    offers("ok-1", "lost")
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

  it("sends nothing when one of them is not a valid offer", function()
    local output, errors, status = run("cancel", "contoso", "offer-1", "..")
    assert.same({ "", "cpp-portal: OFFER: expected an identifier, not '..'; see `cpp-portal help cancel`\n", 2 },
      { output, errors, status })
    assert.same({}, portal:journal())
  end)
end)
