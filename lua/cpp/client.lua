-- The client: the calls of the service as straight-line functions over the C core and a loop.
--
-- A call returns its result, or nil and an err (cpp.error); misuse raises an error. Every function here takes a table
-- of options, which take precedence over those of the client. types/module.lua describes arguments and results.
--
-- A call reads the caller's table once, at entry (core.snapshot), and works on its copy: the caller may change or
-- reuse the table while the call waits.

-- All modules that a call may need are loaded with this file: a missing file must not raise an error after a request
-- was sent.

local core = require "cpp.core"
local auth = require "cpp.auth"
local batch = require "cpp.batch"
local blocking = require "cpp.loop.blocking"
local Chain = require "cpp.credentials.chain"
local dispatch = require "cpp.dispatch"
local environment = require "cpp.environment"
local errors = require "cpp.error"
local follow = require "cpp.follow"
local headers = require "cpp.headers"
local host = require "cpp.host"
local lower = require "cpp.lower"
local outcome = require "cpp.outcome"
local private = require "cpp.private"
local read = require "cpp.read"
local reconcile = require "cpp.reconcile"
local redact = require "cpp.redact"
local retry = require "cpp.retry"
local show = require "cpp.show"
local status = require "cpp.status"
local version = require "cpp.version"
local wait = require "cpp.wait"

auth.use(retry.call)

---@class cpp.Client
local Client = {}
Client.__index = Client
Client.__name = "cpp.client"

-- A list of one object counts as that object: an operation is documented as an array of one.
local function unwrapped(body)
  return type(body) == "table" and type(body[1]) == "table" and #body == 1 and body[1] or body
end

local function plain_name(name)
  return type(name) == "string" and lower(name):gsub("[\t-\r _-]", "") or ""
end

local RANKS = { operationlocation = "1", location = "2" } -- as the two headers

-- The location in a body, if no header has one. The documentation says that the body holds it, but has no example. A
-- text, or a field with the name of one of the two headers, counts as the location.
local function location_in(body)
  body = unwrapped(body)
  if type(body) ~= "table" then return type(body) == "string" and body:find("^[/h]") and body or nil end
  local first, location -- members have no order
  for name, value in pairs(body) do
    local rank = RANKS[plain_name(name)]
    rank = rank and rank .. name
    if rank and type(value) == "string" and value ~= "" and not (first and first < rank) then
      first, location = rank, value
    end
  end
  return location
end

-- The options of a call's wait: those of the call that apply to each request, and then the wait's own.
local OF_CALL_ONLY = { publisher = true, offer = true, emails = true, wait = true, timeout = true,
                       operation_id = true, status = true, location = true, if_running = true, type = true,
                       version = true, slot = true }

local function wait_options(options)
  local own = {}
  for name, value in pairs(options) do
    if not OF_CALL_ONLY[name] then own[name] = value end
  end
  if type(options.wait) == "table" then
    for name, value in pairs(options.wait) do own[name] = value end
    own.headers = headers(options.headers, options.wait.headers)
  end
  return own
end

-- The failure that the body of a 200 reports, as text; or nil.
local function failure_in(body, state)
  for name, value in pairs(body) do
    local word = type(name) == "string" and lower(name)
    if (word == "error" or word == "errors") and value and value ~= "" then
      if type(value) == "table" then
        local said = value.message or value.Message or value.code or value.Code
        value = type(said) ~= "table" and said or next(value) ~= nil and "an error without a message"
      end
      if value then return tostring(value) end
    end
  end
  return status.ended(state) == false and state or nil
end

local function is_empty(value)
  return value == "" or type(value) == "table" and next(value) == nil
end

-- Members that identify the offer, and report nothing.
local NAMES = { id = true, name = true, publisher = true, publisherid = true, offer = true, offerid = true }

-- Whether a body says that the operation is canceled, or says nothing. An unknown member may report another state, in
-- any words; a body with one counts only if `status` or a similar member says "canceled".
local function says_canceled(body)
  local said, is_silent = false, true
  for name, value in pairs(body) do
    local plain = plain_name(name)
    if plain:find "stat[eu]s?$" then
      if status.normalise(value) ~= "canceled" then return false end
      said = true
    elseif plain == "canceled" or plain == "cancelled" then
      if value ~= true then return false end
      said = true
    elseif not (NAMES[plain] and type(value) ~= "table") and not is_empty(value) then
      is_silent = false
    end
  end
  return said or is_silent
end

-- Sets the state of a result with status 200. A cancel is "canceled" if its body says so, or says nothing. With any
-- other body, and for publish and go live (whose 200 may mean that an earlier one still runs), the result has no state,
-- and is followed like a 202. Returns an err if the body reports a failure.
local function read_200(client, endpoint, result, request, options, names_location)
  local body = unwrapped(result.body)
  if body == nil then body = {} end
  if type(body) ~= "table" then return end
  local state = status.normalise(body.status)
  local problem = failure_in(body, state)
  if problem then
    local method, url = request:url()
    local message = "the response has status 200 and reports a failure: "
      .. redact.line(problem, 200, auth.secrets(client, options))
    return errors.new(status.ended(state) == false and "failed" or "protocol", message, {
      status = result.status, method = method, url = url, attempts = 1, ambiguous = true,
      request_id = result.request_id, client_request_id = result.client_request_id,
      publisher = options.publisher, offer = options.offer,
    })
  end
  if endpoint == "cancel" and not names_location and says_canceled(body) then result.state = "canceled" end
end

-- The result of a cancel with if_running if nothing ran.
local function nothing_ran(client, endpoint, options, newest, offer)
  return show.as(client, "result", {
    call = endpoint, publisher = options.publisher, offer = options.offer, outcome = "none",
    evidence = outcome.evidence({ submission = newest, offer = offer }, auth.secrets(client, options)),
  }, options)
end

-- With if_running: finds the running operation. Returns a table with its submission_id; or a result with the outcome
-- "none"; or nil and an err.
local function look_before(client, endpoint, options)
  if endpoint ~= "cancel" then core.misuse "if_running: this is an option of cancel only" end
  if not options.if_running then return {} end
  client.core:check(endpoint, options)
  local runs, running, newest, offer = follow.runs(client, options)
  if runs == nil then return nil, running end
  if runs then return { submission_id = running and follow.id_of(running) } end
  return nothing_ran(client, endpoint, options, newest, offer)
end

local MAY_RUN_NOTHING = { [400] = true, [404] = true } -- possible responses to a cancel if nothing runs
local LONGEST_LOOK = 30 -- seconds

-- Finds out whether a cancel was refused because nothing ran: the service's response in that case is not documented.
-- This takes no longer than the rest of the timeout of the refused request. Returns the err, the newest submission or
-- nil, and the offer's status or nil.
local function explain(client, endpoint, options, err, sent)
  if endpoint ~= "cancel" or err.kind ~= "http" or not MAY_RUN_NOTHING[err.status] then return err end
  local now, over = host.now(host.loop(client, options)), sent + auth.timeout_of(client, options)
  if now >= over then return err end
  local runs, _, newest, offer = follow.runs(client, options, { deadline = math.min(now + LONGEST_LOOK, over) })
  if runs == false then
    err.reason = "no_running_operation"
    local said = err.message:match " %(.*" or "" -- the service's own code and message
    err.message = ("%d: no operation is running on the offer%s"):format(err.status, said)
  end
  return err, newest, offer
end

-- Adds to a result the call and the offer that it belongs to. The core has checked a usual request id.
local function describe(client, result, endpoint, options, submission_id)
  result.call, result.submission_id = endpoint, submission_id
  result.publisher, result.offer = options.publisher, options.offer
  if result.unchecked_id then
    result.request_id = core.redact(result.request_id, errors.ID_LIMIT, auth.secrets(client, options))
    result.unchecked_id = nil
  end
end

-- The end of an accepted call: returns its result, or what its wait returns.
local function accept(client, endpoint, options, submission_id, result, request, loop, sent)
  describe(client, result, endpoint, options, submission_id)
  show.as(client, "result", result, options)
  if loop.now and result.sent_at then -- the host has its own clock
    result.sent_at = request:date() - math.ceil(host.now(loop) - sent)
  end
  local names_location = result.unusable_location
  result.unusable_location = nil
  if not result.location and result.body then
    local location = location_in(result.body)
    if location then
      names_location, result.location, result.operation_id = true, request:resolve(location)
    end
  end
  if result.status == 200 and not result.location then
    local err = read_200(client, endpoint, result, request, options, names_location)
    if err then return nil, err end
  end
  if not options.wait then return result end
  return wait(client, result, wait_options(options), true)
end

-- Calls cancel, publish or go_live. `options` is a copy.
local function start(self, endpoint, options)
  -- Misuse of the wait's options must be raised before the call is sent.
  if type(options.wait) == "table" then core.check("wait", options.wait) end
  local submission_id
  if options.if_running ~= nil then
    local found, problem = look_before(self, endpoint, options)
    if not found or found.outcome then return found, problem end
    submission_id = found.submission_id
  end
  local loop = host.loop(self, options)
  local result, request, sent = retry.call(self, endpoint, options, options.if_running and {} or nil, loop)
  if not result then
    request.call, request.submission_id = endpoint, redact(submission_id, auth.secrets(self, options))
    private[self].failed[request] = sent and { clock = loop.now, sent = sent }
    local err, newest, offer = explain(self, endpoint, options, request, sent)
    if options.if_running and err.reason == "no_running_operation" then
      return nothing_ran(self, endpoint, options, newest, offer)
    end
    return nil, err
  end
  local accepted, outcome_or_problem, err =
    pcall(accept, self, endpoint, options, submission_id, result, request, loop, sent)
  if accepted then return outcome_or_problem, err end
  -- What a failing loop, or Ctrl-C, raised: it names the accepted call.
  describe(self, result, endpoint, options, submission_id)
  error(errors.accepted(outcome_or_problem, result, auth.secrets(self, options)))
end

-- The options of a client without credentials: these and the URLs of the services come from the environment.
local function complete(own)
  if own.token ~= nil or own.tenant ~= nil or own.client_id ~= nil or own.client_secret ~= nil then return end
  own.base_url = own.base_url or environment.base_url()
  own.authority_url = own.authority_url or environment.authority_url()
  local token = environment.token()
  own.token = token and auth.is_token(token) and token or Chain.behind(function() end, "default")
end

--- Makes a client.
-- @param options table or nil: see types/options.lua. Raises on misuse
-- @return client
function Client.new(options)
  local own = core.snapshot(options or {})
  complete(own)
  own.user_agent = own.user_agent or ("lua-cpp/%s libcurl/%s"):format(version, core.libcurl)
  local self = {
    core = core.client(own), -- checks every option
    loop = own.loop or blocking,
  }
  local tokens = setmetatable({}, { __mode = "k" }) -- weak: those of a token function as long as it is in use
  local known = {
    options = own, tokens = tokens, secrets = { { options = own, tokens = tokens } },
    loops = setmetatable({}, { __mode = "k" }), releases = {}, failed = setmetatable({}, { __mode = "k" }),
  }
  known.classes = show.classes(known)
  private[self] = known
  auth.credentials(own, {})
  return setmetatable(self, Client)
end

local LISTS = { offers = true, publishers = true }

-- Every row of csrc/endpoint.c becomes a method. A function below replaces it if the response needs more work.
for _, endpoint in ipairs(core.endpoints) do
  local name = endpoint.name
  local call = endpoint.method == "POST" and start or LISTS[name] and read.list or read.document
  Client[name] = function(self, options) return call(self, name, core.snapshot(options)) end
end

--- One offer, or one of its versions.
-- @param options table
-- @return table, as the service sends it; or nil, err
function Client:offer(options)
  options = core.snapshot(options)
  if options.version ~= nil and options.slot ~= nil then core.misuse "version: expected without slot" end
  if math.type(options.version) == "integer" then options.version = tostring(options.version) end
  return read.document(self, "offer", options)
end

--- One operation.
-- @param target string: a location; or table of options
-- @return operation; or nil, err
function Client:operation(target)
  if type(target) == "string" then target = { location = target } end
  local operation, err = read.operation(self, core.snapshot(target))
  return operation, err
end

--- The operations (submissions) of an offer.
-- @param options table
-- @return list of tables; or nil, err
function Client:operations(options)
  local list, err = read.operations(self, core.snapshot(options))
  return list, err
end

--- The status of an offer.
-- @param options table
-- @return table; or nil, err
function Client:offer_status(options)
  return read.offer_status(self, core.snapshot(options))
end

--- Queries the service after an ambiguous error: see reconcile.lua.
function Client:reconcile(target, options)
  return reconcile(self, target, options)
end

--- Ends all running calls (kind "closed") and frees the connections. A second close does nothing; any other later call
-- raises an error.
function Client:close()
  if self.core:usable() then host.release(self) end
  self.core:close()
  local known = private[self]
  known.tokens, known.options = {}, {}
  setmetatable(known.secrets, { __mode = "v" }) -- weak: only running calls hold the secrets
  dispatch.closed(self.core) -- ends waits in other coroutines
end

--- Runs a function for each item of a list, many at once: see batch.lua.
function Client:map(list, fn, options)
  return batch.map(self, list, fn, options)
end

--- Cancels the running operations of many offers at once: see batch.lua.
function Client:cancel_all(list, options)
  return batch.cancel_all(self, list, options, start)
end

-- Returns the private state of a client. Raises an error if a method is called with a dot, or a function of the module
-- with a colon.
local function check_self(client, name)
  local known = private[client]
  if not known then core.misuse(("%s: this is a method: call client:%s with a colon"):format(name, name)) end
  return known
end

-- Wraps each method: it holds the client's secrets, so that they are redacted even if the client is closed meanwhile.
for name, method in pairs(Client) do
  if type(method) == "function" and name:find "^%l" and name ~= "new" then
    Client[name] = function(self, first, second, third)
      local held = check_self(self, name).secrets[1] -- luacheck: ignore held
      local result, detail = method(self, first, second, third)
      return result, detail
    end
  end
end

--- Waits until an operation has ended: see wait.lua, which holds the secrets itself.
function Client:wait(target, options)
  check_self(self, "wait")
  return wait(self, target, options)
end

Client.__close, Client.__tostring = Client.close, show.client

return Client
