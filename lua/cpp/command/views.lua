-- The tables of the command. Each has columns (heading, least width; wide: on a terminal only with --wide; whole: never
-- cut, because it identifies the row), and makes rows from a document. A column STATE has colors. `details`, if
-- present, is a second table for a single document. The screen redacts its texts; `secrets` are for texts that are
-- normalised before.

local status = require "cpp.status"

local views = {}

-- The service may send any value.
local function percent(value)
  local number = tonumber(value)
  return number and ("%.0f %%"):format(math.max(0, math.min(100, number)))
end

-- A list of the service; an empty one if the value is not a list.
local function list(value)
  return type(value) == "table" and value or {}
end

--- The state of an operation that was started, canceled or waited for.
views.states = {
  columns = { { "OFFER", whole = true }, { "STATE", 10, whole = true }, { "LOCATION", wide = true } },
  rows = function(document, target)
    local state = document.outcome or document.state or "accepted"
    return { { target.offer, state, document.location or target.location } }
  end,
}

--- The operations of an offer; if it has none, a row with only its name.
views.operations = {
  columns = { { "OFFER", whole = true }, { "ID", 36, whole = true }, { "TYPE", 10 }, { "STATE", 10 }, { "SLOT", 8 },
              { "CHANGED" } },
  rows = function(document, target)
    local rows = {}
    for i, operation in ipairs(document.operations) do
      rows[i] = { target.offer, operation.id, operation.submissionType, operation.state, operation.slot,
                  operation.changedTime }
    end
    rows[1] = rows[1] or { target.offer }
    return rows
  end,
}

--- The offers of a publisher.
views.offers = {
  columns = { { "OFFER", 20, whole = true }, { "STATE", 14, whole = true }, { "CHANGED", 28 }, { "TYPE" } },
  rows = function(document, _, secrets)
    local rows = {}
    for i, offer in ipairs(document.offers) do
      rows[i] = { offer.id, status.normalise(offer.status, secrets), offer.changedTime, offer.offerTypeId }
    end
    return rows
  end,
}

--- The publishers that a token gives access to.
views.publishers = {
  columns = { { "PUBLISHER", 20, whole = true }, { "NAME" } },
  rows = function(document)
    local rows = {}
    for i, publisher in ipairs(document.publishers) do
      rows[i] = { publisher.id, list(publisher.definition).displayText }
    end
    return rows
  end,
}

--- The progress of an operation or an offer.
views.progress = {
  columns = { { "OFFER", whole = true }, { "STATE", 10, whole = true }, { "PROGRESS" }, { "STEP" } },
  rows = function(document, target)
    local progress = percent(status.progress(document, document.state))
    return { { target.offer, document.state, progress, status.current_step(document) } }
  end,
  details = {
    columns = { { "STEP" }, { "STATE", 10 }, { "PROGRESS" } },
    rows = function(document, secrets)
      local rows = {}
      for _, step in ipairs(list(document.steps)) do
        step = list(step)
        rows[#rows + 1] = { step.stepName, status.normalise(step.status, secrets), percent(step.progressPercentage) }
      end
      return rows
    end,
  },
  messages = function(document)
    local messages = {}
    for _, message in ipairs(list(document.messages)) do
      local text = type(message) == "string" and message or list(message).messageHtml
      if type(text) == "string" then messages[#messages + 1] = text end
    end
    return messages
  end,
}

return views
