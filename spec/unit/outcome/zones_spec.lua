-- Times of the service with a zone.

local outcome = require "cpp.outcome"

describe("a time of the service", function()
  it("with a zone is the same moment in UTC", function()
    local noon = outcome.time "2026-11-26T12:00:00Z"
    for _, text in ipairs { "2026-11-26T14:00:00+02:00", "2026-11-26T09:30:00-0230", "2026-11-26t12:00:00.000z",
                            "2026-11-26 12:00:00", "2026-11-27T02:00:00+14:00" } do
      assert.equal(noon, outcome.time(text))
    end
  end)
end)
