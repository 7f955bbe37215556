-- Microsoft's servers of long-running operations, driven with cancel and wait.
--
-- @microsoft.azure/autorest.testserver and @typespec/spector with @azure-tools/azure-http-specs hold the operations that
-- the generators of Azure's own clients are tested with. servers.mjs makes a cancel the request that starts one.

local cjson = require "cjson"
local cpp = require "cpp"
local http = require "socket.http"
local peers = require "spec.peers.peers"
local virtual = require "spec.support.virtual"

-- Reasons why an operation is outside this API's contract, where its end must not be told from a success of ours.
local RESOURCE = "ends with a resource, which has a provisioningState or nothing, in place of an operation's status"
local EMPTY = "ends with a status code alone"
local INLINE = "responds with a resource at once, and with no location"

-- How the cancel and the wait for it end (a state, or an err's kind and status), the reason if that is outside the contract,
-- and what starts such operations, {a,b} for either: all of the versions in package-lock.json. "again": the first cancel is
-- ambiguous and not repeated; a second one starts the operation. "polls": where a 202 to a poll moves the operation to.
local AUTOREST = {
  { "err", INLINE, [[
    PUT /lro/put/{200,201}/succeeded
    PUT /lro/put/{201/creating/succeeded,200/updating/succeeded,201/created/failed,200/accepted/canceled}/200
    PUT /lro/{error/put/201/noprovisioningstatepayload,customheader/put/201/creating/succeeded/200}
    PUT /lro/nonretryerror/put/201/creating/400{,/invalidjson}]] },
  { "err", INLINE, "PUT /lro/retryerror/put/201/creating/succeeded/200", again = true },
  { "err", RESOURCE, [[
    PUT /lro/{put/202/retry,put/noheader/202,putsubresource/202,putnonresource/202}/200
    DELETE /lro/delete/provisioning/202/{accepted/200/succeeded,deleting/200/failed,deleting/200/canceled}
    POST /{lro/post/payload/200,lroParameterizedEndpoints,lroConstantParameterizedEndpoints/iAmConstant}]] },
  { "err", RESOURCE, "POST /lro/post/202/retry/200", polls = "/lro/post/newuri/202/retry/200" },
  { "err", RESOURCE, [[
    DELETE /lro/retryerror/delete/{provisioning/202/accepted/200/succeeded,202/retry/200}
    POST /lro/retryerror/post/202/retry/200]], again = true },
  { "err", EMPTY, [[
    DELETE /lro/{error/delete/204/nolocation,delete/noheader,delete/204/succeeded,delete/202/retry/200,delete/202/noretry/204}]] },
  { "err", EMPTY, "POST /lro/post/202/noretry/204", polls = "/lro/post/newuri/202/noretry/204" },
  { "err", EMPTY, "POST /lro/customheader/post/202/retry/200", polls = "/lro/customheader/post/newuri/202/retry/200" },
  { "untrusted", "has a location for nothing to poll, at another origin", "PATCH /lro/patch/200/succeeded/ignoreheaders" },
  { "completed", nil, [[
    PATCH /lro/patch/{201/retry/onlyAsyncHeader,202/retry/asyncAndLocationHeader}
    PUT /lro/{putasync/noheader/201,putsubresourceasync/202,putnonresourceasync/202}/200
    PUT /lro/{putasync/retry,putasync/noretry,customheader/putasync/retry}/succeeded
    DELETE /lro/deleteasync/{retry/succeeded,noretry/succeeded,noheader/202/204}
    POST /lro/{list,postasync/retry/succeeded,postasync/noretry/succeeded,customheader/postasync/retry/succeeded}
    POST /lro/LROPostDoubleHeadersFinal{AzureHeaderGet,AzureHeaderGetDefault,LocationGet}]] },
  { "completed", nil, [[
    PUT /lro/retryerror/putasync/retry/succeeded DELETE /lro/retryerror/deleteasync/retry/succeeded
    POST /lro/retryerror/postasync/retry/succeeded]], again = true },
  { "canceled", nil, [[
    PUT /lro/{put/200/succeeded/nostate,putasync/noretry/canceled} DELETE /lro/deleteasync/retry/canceled
    POST /lro/postasync/retry/canceled]] },
  { "failed", nil, "PUT /lro/putasync/retry/failed DELETE /lro/deleteasync/retry/failed POST /lro/postasync/retry/failed" },
  { "http 400", nil, [[
    PUT /lro/nonretryerror/{put,putasync/retry}/400 DELETE /lro/nonretryerror/{delete,delete/202/retry,deleteasync/retry}/400
    POST /lro/nonretryerror/{post,post/202/retry,postasync/retry}/400]] },
  { "http 404", nil, [[
    PUT /lro/error/putasync/retry/invalidheader DELETE /lro/error/{delete/202,deleteasync}/retry/invalidheader
    POST /lro/error/{post/202/nolocation,post/202/retry/invalidheader,postasync/retry/invalidheader}]] },
  { "protocol 200", nil, [[
    PUT /lro/error/{put/200/invalidjson,putasync/retry/nostatus,putasync/retry/nostatuspayload,putasync/retry/invalidjsonpolling}
    DELETE /lro/error/deleteasync/retry/{nostatus,invalidjsonpolling}
    POST /lro/error/postasync/retry/{nopayload,invalidjsonpolling}]] },
}

local SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
local GROUP, PROVIDER = SUBSCRIPTION .. "/resourceGroups/test-rg", "/providers/Azure.ResourceManager"
local CORE, RESOURCES = "2022-12-01-preview", "2023-12-01-preview"
local SPECTOR = {
  { "completed", nil, [[
    POST /azure/core/lro/{rpc/generations:submit,standard/users/madge:export}
    PUT /azure/core/lro/standard/users/madge DELETE /azure/core/lro/standard/users/madge]], version = CORE },
  { "completed", nil, [[
    PUT GROUPPROVIDER.OperationTemplates/orders/order1
    POST GROUPPROVIDER.{OperationTemplates/orders/order1/export,LargeHeader/largeHeaders/header1/two6k}
    POST SUBSCRIPTIONPROVIDER.OperationTemplates/exportArray]], version = RESOURCES },
  { "err", EMPTY, "DELETE GROUPPROVIDER.OperationTemplates/orders/order1", version = RESOURCES },
  { "err", RESOURCE, "POST GROUPPROVIDER.OperationTemplates/products/default/postPagingLro{,WithBody}", version = RESOURCES },
}

-- What a row's text starts: a list of "METHOD /path".
local function starts_of(text)
  local list = {}
  local function add(start)
    local before, choices, after = start:match "^(.-){(.-)}(.*)$"
    if not before then list[#list + 1] = start end
    for choice in (choices and choices .. "," or ""):gmatch "([^,]*)," do add(before .. choice .. after) end
  end
  text = text:gsub("%u+", { SUBSCRIPTIONPROVIDER = SUBSCRIPTION .. PROVIDER, GROUPPROVIDER = GROUP .. PROVIDER })
  for start in text:gmatch "%u+ %S+" do add(start) end
  return list
end

describe("an operation of", function()
  local servers

  setup(function() servers = peers.node("servers.mjs") end)
  teardown(function() if servers then servers:stop() end end)

  -- How a cancel ended, and the wait for it.
  local function ending(client, again)
    local result, err = client:cancel { publisher = "contoso", offer = "contoso-vm" }
    if again then
      assert.is_true(err and err.ambiguous)
      result, err = client:cancel { publisher = "contoso", offer = "contoso-vm" }
    end
    if result then
      local operation
      operation, err = client:wait(result, { timeout = 300 })
      if operation then
        -- These servers have no list of an offer's operations, which would tell what a completed one means for a cancel.
        assert.equal(operation.state == "canceled" and "canceled" or "unknown", operation.outcome)
        return operation.state
      end
    end
    return err.kind .. (err.status and " " .. err.status or "")
  end

  local function run(name, start, row)
    local url = servers[name].url
    local client <close> = cpp.client {
      base_url = url .. "/start/" .. start:gsub(" ", ""), token = "token", loop = virtual.new(),
      api_version = row.version, client_request_id = "9C4D50EE-2D56-4CD3-8152-34347DC9F2B0", -- one of them wants this
    }
    local ended = ending(client, row.again)
    local requests = table.concat(cjson.decode((http.request(url .. "/requests"))), "\n") .. "\n"
    local _, starts = requests:gsub(start:gsub("%p", "%%%0") .. "\n", "")
    assert.equal(row.again and 2 or 1, starts, "requests that started it")
    if row[1] ~= "err" then return assert.equal(row[1], ended, requests) end
    assert.truthy(ended:find "^protocol" or ended == "http 404" or ended == "timeout", ended)
    if row.polls then assert.truthy(requests:find("GET " .. row.polls, 1, true), "polls " .. row.polls) end
  end

  for name, rows in pairs { autorest = AUTOREST, spector = SPECTOR } do
    for _, row in ipairs(rows) do
      for _, start in ipairs(starts_of(row[3])) do
        local reason = row[2] and " (outside the contract: " .. row[2] .. ")" or ""
        it(("%s, %s, ends with %s%s"):format(name, start, row[1], reason), function() run(name, start, row) end)
      end
    end
  end
end)
