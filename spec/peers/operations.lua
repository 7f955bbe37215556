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

-- How the cancel and the wait for it end, the reason if that is outside the contract, and what starts such operations. The
-- end is a state, or an err's kind and status. "again": the first cancel is ambiguous and not repeated; a second one starts
-- the operation. "polls": where a 202 to a poll moves the operation to.
local AUTOREST = {
  { "err", INLINE, starts = {
    "PUT /lro/put/200/succeeded", "PUT /lro/put/201/succeeded", "PUT /lro/put/201/creating/succeeded/200",
    "PUT /lro/put/200/updating/succeeded/200", "PUT /lro/put/201/created/failed/200",
    "PUT /lro/put/200/accepted/canceled/200", "PUT /lro/nonretryerror/put/201/creating/400",
    "PUT /lro/nonretryerror/put/201/creating/400/invalidjson", "PUT /lro/error/put/201/noprovisioningstatepayload",
    "PUT /lro/customheader/put/201/creating/succeeded/200",
  } },
  { "canceled", starts = {
    "PUT /lro/put/200/succeeded/nostate", "PUT /lro/putasync/noretry/canceled", "DELETE /lro/deleteasync/retry/canceled",
    "POST /lro/postasync/retry/canceled",
  } },
  { "untrusted", "has a location for nothing to poll, at another origin", starts = {
    "PATCH /lro/patch/200/succeeded/ignoreheaders",
  } },
  { "completed", starts = {
    "PATCH /lro/patch/201/retry/onlyAsyncHeader", "PATCH /lro/patch/202/retry/asyncAndLocationHeader",
    "PUT /lro/putasync/retry/succeeded", "PUT /lro/putasync/noretry/succeeded", "PUT /lro/putasync/noheader/201/200",
    "DELETE /lro/deleteasync/noheader/202/204", "PUT /lro/putsubresourceasync/202/200",
    "PUT /lro/putnonresourceasync/202/200", "DELETE /lro/deleteasync/retry/succeeded",
    "DELETE /lro/deleteasync/noretry/succeeded", "POST /lro/LROPostDoubleHeadersFinalAzureHeaderGet",
    "POST /lro/LROPostDoubleHeadersFinalAzureHeaderGetDefault", "POST /lro/LROPostDoubleHeadersFinalLocationGet",
    "POST /lro/list", "POST /lro/postasync/retry/succeeded", "POST /lro/postasync/noretry/succeeded",
    "PUT /lro/customheader/putasync/retry/succeeded", "POST /lro/customheader/postasync/retry/succeeded",
  } },
  { "err", RESOURCE, starts = {
    "PUT /lro/put/202/retry/200", "PUT /lro/put/noheader/202/200", "PUT /lro/putsubresource/202/200",
    "PUT /lro/putnonresource/202/200", "DELETE /lro/delete/provisioning/202/accepted/200/succeeded",
    "DELETE /lro/delete/provisioning/202/deleting/200/failed",
    "DELETE /lro/delete/provisioning/202/deleting/200/canceled", "POST /lro/post/payload/200",
    "POST /lroParameterizedEndpoints", "POST /lroConstantParameterizedEndpoints/iAmConstant",
  } },
  { "failed", starts = {
    "PUT /lro/putasync/retry/failed", "DELETE /lro/deleteasync/retry/failed", "POST /lro/postasync/retry/failed",
  } },
  { "err", EMPTY, starts = {
    "DELETE /lro/delete/noheader", "DELETE /lro/delete/204/succeeded", "DELETE /lro/delete/202/retry/200",
    "DELETE /lro/delete/202/noretry/204", "DELETE /lro/error/delete/204/nolocation",
  } },
  { "err", RESOURCE, polls = "/lro/post/newuri/202/retry/200", starts = { "POST /lro/post/202/retry/200" } },
  { "err", EMPTY, polls = "/lro/post/newuri/202/noretry/204", starts = { "POST /lro/post/202/noretry/204" } },
  { "err", INLINE, again = true, starts = { "PUT /lro/retryerror/put/201/creating/succeeded/200" } },
  { "completed", again = true, starts = {
    "PUT /lro/retryerror/putasync/retry/succeeded", "DELETE /lro/retryerror/deleteasync/retry/succeeded",
    "POST /lro/retryerror/postasync/retry/succeeded",
  } },
  { "err", RESOURCE, again = true, starts = {
    "DELETE /lro/retryerror/delete/provisioning/202/accepted/200/succeeded",
    "DELETE /lro/retryerror/delete/202/retry/200", "POST /lro/retryerror/post/202/retry/200",
  } },
  { "http 400", starts = {
    "PUT /lro/nonretryerror/put/400", "PUT /lro/nonretryerror/putasync/retry/400", "DELETE /lro/nonretryerror/delete/400",
    "DELETE /lro/nonretryerror/delete/202/retry/400", "DELETE /lro/nonretryerror/deleteasync/retry/400",
    "POST /lro/nonretryerror/post/400", "POST /lro/nonretryerror/post/202/retry/400",
    "POST /lro/nonretryerror/postasync/retry/400",
  } },
  { "protocol 200", starts = {
    "PUT /lro/error/putasync/retry/nostatus", "PUT /lro/error/putasync/retry/nostatuspayload",
    "PUT /lro/error/put/200/invalidjson", "PUT /lro/error/putasync/retry/invalidjsonpolling",
    "DELETE /lro/error/deleteasync/retry/nostatus", "DELETE /lro/error/deleteasync/retry/invalidjsonpolling",
    "POST /lro/error/postasync/retry/nopayload", "POST /lro/error/postasync/retry/invalidjsonpolling",
  } },
  { "http 404", starts = {
    "PUT /lro/error/putasync/retry/invalidheader", "DELETE /lro/error/delete/202/retry/invalidheader",
    "DELETE /lro/error/deleteasync/retry/invalidheader", "POST /lro/error/post/202/nolocation",
    "POST /lro/error/post/202/retry/invalidheader", "POST /lro/error/postasync/retry/invalidheader",
  } },
  { "err", EMPTY, polls = "/lro/customheader/post/newuri/202/retry/200", starts = {
    "POST /lro/customheader/post/202/retry/200",
  } },
}

local CORE, RESOURCES = "2022-12-01-preview", "2023-12-01-preview"
local SPECTOR = {
  { "completed", version = CORE, starts = {
    "POST /azure/core/lro/rpc/generations:submit", "PUT /azure/core/lro/standard/users/madge",
    "DELETE /azure/core/lro/standard/users/madge", "POST /azure/core/lro/standard/users/madge:export",
  } },
  { "completed", version = RESOURCES, starts = {
    "PUT " .. GROUP .. TEMPLATES .. "/orders/order1", "POST " .. GROUP .. TEMPLATES .. "/orders/order1/export",
    "POST " .. ARM .. TEMPLATES .. "/exportArray",
    "POST " .. GROUP .. "/providers/Azure.ResourceManager.LargeHeader/largeHeaders/header1/two6k",
  } },
  { "err", EMPTY, version = RESOURCES, starts = { "DELETE " .. GROUP .. TEMPLATES .. "/orders/order1" } },
  { "err", RESOURCE, version = RESOURCES, starts = {
    "POST " .. GROUP .. TEMPLATES .. "/products/default/postPagingLro",
    "POST " .. GROUP .. TEMPLATES .. "/products/default/postPagingLroWithBody",
  } },
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

  local function run(name, start, row)
    local client <close> = cpp.client {
      base_url = servers[name].url .. "/start/" .. start:gsub(" ", ""), token = "token", loop = virtual.new(),
      api_version = row.version, client_request_id = "9C4D50EE-2D56-4CD3-8152-34347DC9F2B0", -- one of them wants this
    }
    local ended = ending(client, row.again)
    local list, starts = requests(name, start)
    assert.equal(row.again and 2 or 1, starts, "requests that started it")
    if row[1] ~= "err" then return assert.equal(row[1], ended, table.concat(list, "\n")) end
    assert.truthy(ended:find "^protocol" or ended == "http 404" or ended == "timeout", ended)
    if row.polls then assert.truthy(table.concat(list, "\n"):find("GET " .. row.polls, 1, true), "polls " .. row.polls) end
  end

  for name, rows in pairs { autorest = AUTOREST, spector = SPECTOR } do
    local known = {}
    for _, row in ipairs(rows) do
      for _, start in ipairs(row.starts) do
        known[#known + 1] = start
        local reason = row[2] and " (outside the contract: " .. row[2] .. ")" or ""
        it(("%s, %s, ends with %s%s"):format(name, start, row[1], reason), function() run(name, start, row) end)
      end
    end

    it(name .. " is one of these", function()
      assert.is_true(#servers[name].starts > 0)
      for _, start in ipairs(servers[name].starts) do
        local pattern, found = "^" .. start:gsub("[-.]", "%%%0"):gsub(":%w+", "[^/]+") .. "$", false
        for _, one in ipairs(known) do found = found or one:find(pattern) end
        assert.truthy(found, start)
      end
    end)
  end
end)
