-- Times of the service.

local outcome = require "cpp.outcome"

describe("a time of the service", function()
  it("is read with its zone and its fraction, in microseconds", function()
    local noon = outcome.time "2026-11-26T12:00:00Z"
    for text, more in pairs { ["2026-11-26T14:00:00+02:00"] = 0, ["2026-11-26T09:30:00-0230"] = 0, ["2026-11-26 12:00:00"] = 0,
                              ["2026-11-26t12:00:00.000z"] = 0, ["2026-11-27T02:00:00+14:00"] = 0,
                              ["2026-11-26T12:00:00.25"] = 0.25, ["2026-11-26T14:00:00.5+02:00"] = 0.5,
                              ["2026-11-26T12:59:60Z"] = 3600, ["2026-11-26T23:00:00Z"] = 39600 } do
      assert.equal(noon + more, outcome.time(text), text)
    end
    assert.equal(946684800.123456, outcome.time("2000-01-01T00:00:00.123456" .. ("9"):rep(1000)))
  end)

  it("is none, if it is no time since 2000", function()
    for _, text in ipairs { "1999-12-31T23:59:59Z", "0001-01-01T00:00:00", "2026-00-26T12:00:00", "2026-13-26T12:00:00",
                            "2026-11-00T12:00:00", "2026-11-32T12:00:00", "2026-11-26T24:00:00", "2026-11-26T12:60:00",
                            "2026-11-26T12:00:61", "2026-11-26T12:00:00 ", "2026-11-26T12:00:00+1", "2026-11-26", "" } do
      assert.is_nil(outcome.time(text), text)
    end
    assert.is_nil(outcome.time(20261126))
  end)

  it("is that of the system's clock on every day of the calendar #exhaustive", function()
    for day = 10957, 10957 + 146097 * 2, 29 do -- 800 years from 2000 on, and each date of the month in them
      local time = day * 86400 + day % 86400
      assert.equal(time, outcome.time(os.date("!%Y-%m-%dT%H:%M:%SZ", time)))
    end
  end)
end)
