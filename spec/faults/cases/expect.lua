-- What a call has to end in, in the words of the fault table: each function gives what a row of
-- spec/faults/cases expects of a cancel (a POST) and of an offer_status (a GET), both with two retries.
--
-- An expectation: kind, status (absent: none), ambiguous, retryable, attempts, and requests: how many of
-- its kind the server gets to see; body, message (a pattern). Or `result`: a table whose fields the result has.

local expect = {}

local ATTEMPTS = 3 -- one, and two retries

--- It is not known whether the service processed it: a POST is not sent again, a GET is.
function expect.unclear(kind, status)
  return {
    cancel = { kind = kind, status = status, ambiguous = true, retryable = false, attempts = 1, requests = 1 },
    offer_status = {
      kind = kind, status = status, ambiguous = false, retryable = true, attempts = ATTEMPTS, requests = ATTEMPTS,
    },
  }
end

--- The same, but asking again would not help: neither is sent again.
function expect.hopeless(kind, status)
  return {
    cancel = { kind = kind, status = status, ambiguous = true, retryable = false, attempts = 1, requests = 1 },
    offer_status = { kind = kind, status = status, ambiguous = false, retryable = false, attempts = 1, requests = 1 },
  }
end

--- It was certainly not processed: both are sent again. `requests`: that reach the server, of one attempt.
function expect.unprocessed(kind, status, requests)
  local expected = {
    kind = kind, status = status, ambiguous = false, retryable = true, attempts = ATTEMPTS,
    requests = ATTEMPTS * (requests or 0),
  }
  return { cancel = expected, offer_status = expected }
end

--- It was answered, or refused, for good.
function expect.refused(kind, status, requests)
  local expected = {
    kind = kind, status = status, ambiguous = false, retryable = false, attempts = 1, requests = requests or 0,
  }
  return { cancel = expected, offer_status = expected }
end

--- It meets its deadline after it was sent, in its only attempt.
function expect.late(status)
  return {
    cancel = { kind = "timeout", status = status, ambiguous = true, retryable = false, attempts = 1, requests = 1 },
  }
end

--- It meets its deadline before anything was sent.
function expect.late_unsent()
  return { cancel = { kind = "timeout", ambiguous = false, retryable = true, attempts = 1, requests = 0 } }
end

--- An offer_status that goes well.
function expect.accepted(result)
  return { offer_status = { result = result or { state = "running" }, requests = 1 } }
end

--- A cancel that goes well.
function expect.canceled(status)
  return { cancel = { result = { status = status or 202 }, requests = 1 } }
end

return expect
