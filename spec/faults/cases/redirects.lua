-- Cases of redirects: they are never followed, and their target gets no connection.

local expect = require "spec.faults.cases.expect"

local TARGETS = {
  { "to another host", "http://localhost:$CANARY/api" },
  { "to another port", "http://127.0.0.1:$CANARY/api" },
  { "to https", "https://127.0.0.1:$CANARY/api" },
  { "without a scheme", "//127.0.0.1:$CANARY/api" },
  { "with user information", "http://127.0.0.1:$PORT@127.0.0.1:$CANARY/api" },
  { "to a file", "file:///etc/passwd" },
  { "to itself", "/api/elsewhere" },
  { "to nowhere", nil },
}

local cases = {}
for _, status in ipairs { 300, 301, 302, 303, 304, 305, 307, 308 } do
  for i, target in ipairs(TARGETS) do
    -- Each target with the two that a client would follow most readily, the first with all.
    if i > 1 and status ~= 302 and status ~= 307 then break end
    cases[#cases + 1] = {
      fault = "redirect", name = ("is a redirect %s (%d)"):format(target[1], status),
      any = { { "answer", status, target[2] and { { "Location", target[2] } } or {}, "" } },
      calls = (status == 303 and expect.hopeless or expect.refused)("protocol", status, 1),
    }
  end
end
return cases
