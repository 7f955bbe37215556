-- The location of a cancel, where a body names several.

local Lab = require "spec.support.lab"

describe("the location of a cancel", function()
  local lab, server
  before_each(function()
    lab = Lab.new()
    server = lab:server()
  end)
  after_each(function() lab:close() end)

  local function cancel(status, headers, body)
    server:handle(function(connection)
      connection:read_request()
      connection:answer(status, headers, body)
    end)
    return assert(lab:client { base_url = server.url }:cancel(Lab.CALL))
  end

  -- The order of the members of a table depends on their names, and on the process.
  it("is that of the first name, whatever the order of the members of a body is", function()
    for n = 1, 20 do
      local blanks = (" "):rep(n)
      local body = ('{"location%s":"/a","operation%s location":"/b","operation%s-location":"","%sOPERATION_LOCATION":5,'
        .. '"z%soperation location":"/c","LOCATION":"/d","operationlocation%s":"/e"}'):gsub("%%s", blanks)
      assert.equal(server.url .. "/b", cancel(202, { "Content-Type: application/json" }, body).location)
    end
  end)

  it("is that of a header, whatever the body has", function()
    assert.equal(server.url .. "/a", cancel(202, { "Location: /a" }, '{"operation-location":"/b"}').location)
  end)

  it("that is no URL leaves it open whether a 200 canceled the operation", function()
    local canceled = '{"status":"canceled"}'
    for body, header in pairs { [canceled] = "Location: http://[", ['{"status":"canceled","location":"http://["}'] = "A: 1" } do
      local result = cancel(200, { header }, body)
      assert.same({}, { result.state, result.location, result.unusable_location })
    end
    assert.equal("canceled", cancel(200, {}, canceled).state)
  end)
end)
