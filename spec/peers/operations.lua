-- Microsoft's servers of long-running operations, driven with cancel and wait.
--
-- @microsoft.azure/autorest.testserver and @typespec/spector with @azure-tools/azure-http-specs hold the operations that
-- the generators of Azure's own clients are tested with. servers.mjs makes a cancel the request that starts one.

local cjson = require "cjson"
local cpp = require "cpp"
local http = require "socket.http"
local peers = require "spec.peers.peers"
local virtual = require "spec.support.virtual"

local ARM = "/subscriptions/00000000-0000-0000-0000-000000000000"
local TEMPLATES = "/providers/Azure.ResourceManager.OperationTemplates"
local GROUP = ARM .. "/resourceGroups/test-rg"

-- Reasons why an operation is outside this API's contract, where its end must not be told from a success of ours.
local RESOURCE = "ends with a resource, which has a provisioningState or nothing, in place of an operation's status"
local EMPTY = "ends with a status code alone"
local INLINE = "responds with a resource at once, and with no location"

-- A start, how the cancel and the wait for it end, and the reason if that is outside the contract. The end is a state, or
-- an err's kind and status. "again": the first cancel is ambiguous and not repeated; a second one starts the operation.
-- "polls": where a 202 to a poll moves the operation to.
local AUTOREST = {
  { "PUT /lro/put/200/succeeded", "err", INLINE },
  { "PUT /lro/put/201/succeeded", "err", INLINE },
  { "PUT /lro/put/200/succeeded/nostate", "canceled" },
  { "PATCH /lro/patch/200/succeeded/ignoreheaders", "untrusted", "has a location for nothing to poll, at another origin" },
  { "PATCH /lro/patch/201/retry/onlyAsyncHeader", "completed" },
  { "PATCH /lro/patch/202/retry/asyncAndLocationHeader", "completed" },
  { "PUT /lro/put/202/retry/200", "err", RESOURCE },
  { "PUT /lro/put/201/creating/succeeded/200", "err", INLINE },
  { "PUT /lro/put/200/updating/succeeded/200", "err", INLINE },
  { "PUT /lro/put/201/created/failed/200", "err", INLINE },
  { "PUT /lro/put/200/accepted/canceled/200", "err", INLINE },
  { "PUT /lro/putasync/retry/succeeded", "completed" },
  { "PUT /lro/putasync/noretry/succeeded", "completed" },
  { "PUT /lro/putasync/retry/failed", "failed" },
  { "PUT /lro/putasync/noretry/canceled", "canceled" },
  { "PUT /lro/put/noheader/202/200", "err", RESOURCE },
  { "PUT /lro/putasync/noheader/201/200", "completed" },
  { "DELETE /lro/delete/noheader", "err", EMPTY },
  { "DELETE /lro/deleteasync/noheader/202/204", "completed" },
  { "PUT /lro/putsubresource/202/200", "err", RESOURCE },
  { "PUT /lro/putsubresourceasync/202/200", "completed" },
  { "PUT /lro/putnonresource/202/200", "err", RESOURCE },
  { "PUT /lro/putnonresourceasync/202/200", "completed" },
  { "DELETE /lro/delete/provisioning/202/accepted/200/succeeded", "err", RESOURCE },
  { "DELETE /lro/delete/provisioning/202/deleting/200/failed", "err", RESOURCE },
  { "DELETE /lro/delete/provisioning/202/deleting/200/canceled", "err", RESOURCE },
  { "DELETE /lro/delete/204/succeeded", "err", EMPTY },
  { "DELETE /lro/delete/202/retry/200", "err", EMPTY },
  { "DELETE /lro/delete/202/noretry/204", "err", EMPTY },
  { "DELETE /lro/deleteasync/retry/succeeded", "completed" },
  { "DELETE /lro/deleteasync/noretry/succeeded", "completed" },
  { "DELETE /lro/deleteasync/retry/failed", "failed" },
  { "DELETE /lro/deleteasync/retry/canceled", "canceled" },
  { "POST /lro/post/202/retry/200", "err", RESOURCE, polls = "/lro/post/newuri/202/retry/200" },
  { "POST /lro/post/202/noretry/204", "err", EMPTY, polls = "/lro/post/newuri/202/noretry/204" },
  { "POST /lro/post/payload/200", "err", RESOURCE },
  { "POST /lro/LROPostDoubleHeadersFinalAzureHeaderGet", "completed" },
  { "POST /lro/LROPostDoubleHeadersFinalAzureHeaderGetDefault", "completed" },
  { "POST /lro/LROPostDoubleHeadersFinalLocationGet", "completed" },
  { "POST /lro/list", "completed" },
  { "POST /lro/postasync/retry/succeeded", "completed" },
  { "POST /lro/postasync/noretry/succeeded", "completed" },
  { "POST /lro/postasync/retry/failed", "failed" },
  { "POST /lro/postasync/retry/canceled", "canceled" },
  { "PUT /lro/retryerror/put/201/creating/succeeded/200", "err", INLINE, again = true },
  { "PUT /lro/retryerror/putasync/retry/succeeded", "completed", again = true },
  { "DELETE /lro/retryerror/delete/provisioning/202/accepted/200/succeeded", "err", RESOURCE, again = true },
  { "DELETE /lro/retryerror/delete/202/retry/200", "err", RESOURCE, again = true },
  { "DELETE /lro/retryerror/deleteasync/retry/succeeded", "completed", again = true },
  { "POST /lro/retryerror/post/202/retry/200", "err", RESOURCE, again = true },
  { "POST /lro/retryerror/postasync/retry/succeeded", "completed", again = true },
  { "PUT /lro/nonretryerror/put/400", "http 400" },
  { "PUT /lro/nonretryerror/put/201/creating/400", "err", INLINE },
  { "PUT /lro/nonretryerror/put/201/creating/400/invalidjson", "err", INLINE },
  { "PUT /lro/nonretryerror/putasync/retry/400", "http 400" },
  { "DELETE /lro/nonretryerror/delete/400", "http 400" },
  { "DELETE /lro/nonretryerror/delete/202/retry/400", "http 400" },
  { "DELETE /lro/nonretryerror/deleteasync/retry/400", "http 400" },
  { "POST /lro/nonretryerror/post/400", "http 400" },
  { "POST /lro/nonretryerror/post/202/retry/400", "http 400" },
  { "POST /lro/nonretryerror/postasync/retry/400", "http 400" },
  { "PUT /lro/error/put/201/noprovisioningstatepayload", "err", INLINE },
  { "PUT /lro/error/putasync/retry/nostatus", "protocol 200" },
  { "PUT /lro/error/putasync/retry/nostatuspayload", "protocol 200" },
  { "PUT /lro/error/put/200/invalidjson", "protocol 200" },
  { "PUT /lro/error/putasync/retry/invalidheader", "http 404" },
  { "PUT /lro/error/putasync/retry/invalidjsonpolling", "protocol 200" },
  { "DELETE /lro/error/delete/204/nolocation", "err", EMPTY },
  { "DELETE /lro/error/delete/202/retry/invalidheader", "http 404" },
  { "DELETE /lro/error/deleteasync/retry/nostatus", "protocol 200" },
  { "DELETE /lro/error/deleteasync/retry/invalidheader", "http 404" },
  { "DELETE /lro/error/deleteasync/retry/invalidjsonpolling", "protocol 200" },
  { "POST /lro/error/post/202/nolocation", "http 404" }, -- the offer's operations, which that server has not
  { "POST /lro/error/post/202/retry/invalidheader", "http 404" },
  { "POST /lro/error/postasync/retry/nopayload", "protocol 200" },
  { "POST /lro/error/postasync/retry/invalidheader", "http 404" },
  { "POST /lro/error/postasync/retry/invalidjsonpolling", "protocol 200" },
  { "PUT /lro/customheader/putasync/retry/succeeded", "completed" },
  { "POST /lro/customheader/postasync/retry/succeeded", "completed" },
  { "PUT /lro/customheader/put/201/creating/succeeded/200", "err", INLINE },
  { "POST /lro/customheader/post/202/retry/200", "err", EMPTY, polls = "/lro/customheader/post/newuri/202/retry/200" },
  { "POST /lroParameterizedEndpoints", "err", RESOURCE },
  { "POST /lroConstantParameterizedEndpoints/iAmConstant", "err", RESOURCE },
}

local CORE, RESOURCES = "2022-12-01-preview", "2023-12-01-preview"
local SPECTOR = {
  { "POST /azure/core/lro/rpc/generations:submit", "completed", version = CORE },
  { "PUT /azure/core/lro/standard/users/madge", "completed", version = CORE },
  { "DELETE /azure/core/lro/standard/users/madge", "completed", version = CORE },
  { "POST /azure/core/lro/standard/users/madge:export", "completed", version = CORE },
  { "PUT " .. GROUP .. TEMPLATES .. "/orders/order1", "completed", version = RESOURCES },
  { "DELETE " .. GROUP .. TEMPLATES .. "/orders/order1", "err", EMPTY, version = RESOURCES },
  { "POST " .. GROUP .. TEMPLATES .. "/orders/order1/export", "completed", version = RESOURCES },
  { "POST " .. ARM .. TEMPLATES .. "/exportArray", "completed", version = RESOURCES },
  { "POST " .. GROUP .. TEMPLATES .. "/products/default/postPagingLro", "err", RESOURCE, version = RESOURCES },
  { "POST " .. GROUP .. TEMPLATES .. "/products/default/postPagingLroWithBody", "err", RESOURCE, version = RESOURCES },
  { "POST " .. GROUP .. "/providers/Azure.ResourceManager.LargeHeader/largeHeaders/header1/two6k", "completed",
    version = RESOURCES },
}

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

  local function requests(name, start)
    local list, starts = cjson.decode((http.request(servers[name].url .. "/requests"))), 0
    for _, request in ipairs(list) do
      if request == start then starts = starts + 1 end
    end
    return list, starts
  end

  local function run(name, row)
    local start = row[1]
    local client <close> = cpp.client {
      base_url = servers[name].url .. "/start/" .. start:gsub(" ", ""), token = "token", loop = virtual.new(),
      api_version = row.version, client_request_id = "9C4D50EE-2D56-4CD3-8152-34347DC9F2B0", -- one of them wants this
    }
    local ended = ending(client, row.again)
    local list, starts = requests(name, start)
    assert.equal(row.again and 2 or 1, starts, "requests that started it")
    if row[2] ~= "err" then return assert.equal(row[2], ended, table.concat(list, "\n")) end
    assert.truthy(ended:find "^protocol" or ended == "http 404" or ended == "timeout", ended)
    if row.polls then assert.truthy(table.concat(list, "\n"):find("GET " .. row.polls, 1, true), "polls " .. row.polls) end
  end

  for name, rows in pairs { autorest = AUTOREST, spector = SPECTOR } do
    for _, row in ipairs(rows) do
      local start, ended, reason = row[1], row[2], row[3]
      it(("%s, %s, ends with %s%s"):format(name, start, ended, reason and " (outside the contract: " .. reason .. ")" or ""),
        function() run(name, row) end)
    end

    it(name .. " is one of these", function()
      assert.is_true(#servers[name].starts > 0)
      for _, start in ipairs(servers[name].starts) do
        local pattern, found = "^" .. start:gsub("[-.]", "%%%0"):gsub(":%w+", "[^/]+") .. "$", false
        for _, row in ipairs(rows) do found = found or row[1]:find(pattern) end
        assert.truthy(found, start)
      end
    end)
  end
end)
