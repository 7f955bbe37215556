-- The service of a random host: it limits, fails and loses responses. An offer is the one of a single cancel.

local service = { TOKEN = "a-token" }

local function failure(status, retry_after)
  return { kind = "http", status = status, message = "refused", sent = true, retry_after = retry_after, transient = false }
end

local LIMITS = { 1, 8, 8, 40, 400, 5000 } -- seconds that a 429 asks for

-- A 429, which holds back all requests of the batch that the call is an item of.
local function limit(self, op, seconds)
  local wanted, batch = self.world:pick(LIMITS), op.batch
  return failure(429, wanted), seconds, batch and function()
    batch.held_until = math.max(batch.held_until, self.world.now + math.min(wanted, 300))
  end
end

local function respond_to_cancel(self, op)
  local world, seconds = self.world, self.world:random(300) / 100
  local function act() op.acted, op.over_at = self.world.now, self.world.now + self.world:random(200) end
  local function answer(status)
    return { status = status, location = status == 202 and "https://portal.test/op/" .. op.offer or nil }, seconds, function()
      act()
      op.accepted, op.goes_on = true, status == 202
    end
  end
  local dice = world:random(100)
  if dice <= 60 then return answer(202) end
  if dice <= 68 then return answer(200) end
  if dice <= 80 then return limit(self, op, seconds) end
  if dice <= 83 then return failure(503, 2), seconds end
  if dice <= 87 then return failure(401), seconds end
  if dice <= 91 then return failure(500), seconds, act end
  if dice <= 96 then return { kind = "network", message = "reset", sent = true, transient = true }, seconds, act end
  return { kind = "network", message = "refused", sent = false, transient = true }, seconds
end

local function respond_to_look(self, op)
  local world, seconds = self.world, self.world:random(100) / 100
  local dice = world:random(20)
  if dice == 1 then return failure(500), seconds end
  if dice == 2 then return limit(self, op, seconds) end
  local over = not op.over_at or world.now >= op.over_at
  return { status = 200, body = { status = over and "canceled" or "running" }, retry_after = dice < 8 and dice or nil }, seconds
end

local function check_start(self, op)
  local batch = op.batch
  if not batch then return end
  batch.in_flight = batch.in_flight + 1
  if batch.in_flight > batch.concurrency then self:note("%s: more than %d in flight", op.offer, batch.concurrency) end
  if self.world.now < batch.held_until - 1e-6 then self:note("%s: sent during a pause that the service asked for", op.offer) end
end

--- What becomes of a request: its outcome, the seconds until it comes, and what the service does then.
-- @param self the host
function service.respond(self, endpoint, options, token)
  if endpoint == "token" then
    local seconds = self.world:chance(15) and 1000 or self.world:random(3)
    return { status = 200, body = { access_token = service.TOKEN, expires_in = 600 } }, seconds
  end
  local op = self.ops[options.offer or (options.location or ""):match "/op/(.*)$"]
  if endpoint == "offer_status" then return { status = 200, body = { status = "running" } }, 0.1 end
  if not op or options.publisher and options.publisher ~= "contoso" or options.base_url or token ~= service.TOKEN then
    self:note("sent for %s of %s, with base_url %s", options.offer or options.location, options.publisher, options.base_url)
    return failure(404), 0.1
  end
  check_start(self, op)
  local outcome, seconds, ending
  if endpoint == "cancel" then
    if op.accepted then self:note("%s: sent again after it was accepted", op.offer) end
    outcome, seconds, ending = respond_to_cancel(self, op)
  else
    outcome, seconds, ending = respond_to_look(self, op)
  end
  return outcome, seconds, ending, function()
    if op.batch then op.batch.in_flight = op.batch.in_flight - 1 end
  end
end

return service
