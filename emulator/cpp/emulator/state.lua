-- Everything that the emulator remembers: clock, publishers, tokens, faults and journal, put together from a
-- scenario and brought back to it by a reset.

local faults = require "cpp.emulator.faults"
local identities = require "cpp.emulator.identities"
local journal = require "cpp.emulator.journal"
local json = require "cpp.emulator.json"
local options = require "cpp.emulator.options"
local random = require "cpp.emulator.random"
local service = require "cpp.emulator.service"
local tokens = require "cpp.emulator.tokens"

local state = {}
state.__index = state

-- The default scenario: one offer is always being published, and a publish of the other completes at once. So every
-- example of the documentation works at any time.
local AT_ONCE = { { name = "Live", seconds = 0 } }
local DEFAULT_SCENARIO = json.encode {
    offers = {
        { publisher = "contoso", offer = "contoso-vm", running = true, republish = true, cancel_seconds = 4 },
        { publisher = "contoso", offer = "contoso-app", steps = AT_ONCE, golive_steps = AT_ONCE },
    },
}

local SCENARIO_OPTIONS = { publishers = "table", tokens = "table", clients = "table", identities = "table",
    offers = "table", faults = "table" }

-- A list from one object or an array of them.
local function list_of(value)
    return (value[1] ~= nil or next(value) == nil) and value or { value }
end

--- Makes the state that a scenario describes; raises if the scenario is wrong.
-- @param clock the emulator's clock
-- @param scenario JSON text (default: publisher contoso and its two offers). It is kept as text, so that
--   every reset begins with a table of its own.
-- @param further list of faults after those of the scenario
function state.new(clock, scenario, further)
    local self = setmetatable({ clock = clock, scenario = scenario or DEFAULT_SCENARIO, further = further }, state)
    self:reset()
    return self
end

--- Goes back to the start: the clock at 0, and what the scenario describes.
function state:reset()
    local scenario, problem = json.decode(self.scenario)
    if not scenario then
        error("scenario: " .. problem, 0)
    end
    scenario = options.check(json.without_nulls(scenario), SCENARIO_OPTIONS, "scenario")
    self.clock:reset()
    -- Fixed seeds: after a reset the same requests get the same identifiers.
    self.request_ids = random.new(1)
    local identifiers = random.new(2)
    self.tokens = tokens.new(self.clock, identifiers)
    self.identities = identities.new(self.tokens)
    self.service = service.new(self.clock, identifiers, self.tokens)
    self.faults = faults.new()
    self.journal = journal.new()
    self:configure { publishers = scenario.publishers, tokens = scenario.tokens, clients = scenario.clients,
        identities = scenario.identities }
    self:put_offers(scenario.offers or {})
    self.faults:add(list_of(scenario.faults or {}))
    self.faults:add(self.further)
end

--- Adds publishers, static tokens, clients and managed identities.
function state:configure(settings)
    options.check(settings, { publishers = "table", tokens = "table", clients = "table", identities = "table" },
        "configure")
    for _, publisher in ipairs(settings.publishers or {}) do
        self.service:add_publisher(publisher)
    end
    self.tokens:add_tokens(list_of(settings.tokens or {}))
    self.tokens:add_clients(list_of(settings.clients or {}))
    self.identities:add(list_of(settings.identities or {}))
end

--- Creates or replaces one offer or a list of them.
-- @return a report of each
function state:put_offers(settings)
    local reports = {}
    for index, entry in ipairs(list_of(settings)) do
        reports[index] = self:describe(self.service:put_offer(entry))
    end
    return reports
end

--- What has become of an offer, for the control interface: states by their own names, however the service spells them.
function state:describe(offer)
    local operations = {}
    for index, operation in ipairs(offer.operations) do
        operations[index] = {
            id = operation.id, kind = operation.kind, state = (operation:state(self.clock:now())),
            publishing_version = operation.publishing_version, emails = operation.emails,
            cancellation_requested = operation.cancellation ~= nil,
        }
    end
    return {
        publisher = offer.settings.publisher, offer = offer.settings.offer,
        running = offer:active(self.clock:now()) ~= nil, cancel = offer:truth(self.clock:now()),
        operations = json.array(operations), emails_given = json.array(offer.emails_given),
    }
end

--- Responds to a request for the service or for a token.
function state:answer(request)
    return self.tokens:answer(request) or self.identities:answer(request) or self.service:answer(request)
end

return state
