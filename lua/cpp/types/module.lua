-- Types for editors and for doc/reference.md: the module that `require "cpp"` returns. No program loads the files
-- of types/; the specs in spec/project/types/ compare them with the module. The format is LuaCATS
-- (lua-language-server).
---@meta _

---Cancels publishing operations on the Azure Cloud Partner Portal. The functions share one default client, which is
---created at first use. Its token comes from AZURE_TOKEN or from `cpp.credentials.default()`; CPP_BASE_URL replaces the
---URL of the service. Misuse (a wrong type, an unknown option, a closed client) raises an error. A failure at run time is
---returned as `nil, err`.
---@class cpp
---@field _VERSION string # the version of the package (semantic versioning)
---@field core cpp.core # the C module
---@field credentials cpp.credentials # where tokens come from
---@field loop cpp.Loops # the loops of the package, each loaded at first use
local cpp = {}

---Cancels the running publishing operation of an offer. A 202 means that the cancel was accepted. It does not show that
---an operation was running, or that the cancel will succeed: the `outcome` of a wait does.
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-cancel-operations>
---
---Errors: http, auth, network, tls, timeout, protocol, untrusted, failed, stopped, closed, raised
---
---```lua
---local result, err = cpp.cancel { publisher = "contoso", offer = "contoso-vm", emails = { "jondoe@contoso.com" } }
---if not result then error(tostring(err)) end
---print(result.status, result.location)
---```
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation after it has ended
---@return cpp.Error? err
function cpp.cancel(options) end

---Publishes an offer: starts an operation, which `cancel` can stop. The documented response is a 202. A 200 does not mean
---that the publish has ended: the offer may already have been publishing (inferred). A wait ends when the publish has
---completed, or when it needs the publisher's sign-off (`outcome` is "signoff").
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-publish-offer>
---
---Errors: http, auth, network, tls, timeout, protocol, untrusted, failed, stopped, closed, raised
---
---```lua
---local result = assert(cpp.publish { publisher = "contoso", offer = "contoso-app" })
---assert(result.status == 202)
---```
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation after it has ended
---@return cpp.Error? err
function cpp.publish(options) end

---Takes an offer live after it was published to preview: starts an operation, which `cancel` can stop. According to its
---documentation, the service notifies the addresses of the publish; `emails` is not documented for this call. Without
---`emails` the request has no body.
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-go-live>
---
---Errors: http, auth, network, tls, timeout, protocol, untrusted, failed, stopped, closed, raised
---
---```lua
---local operation = assert(cpp.go_live { publisher = "contoso", offer = "contoso-app", wait = true })
---assert(operation.state == "completed")
---```
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation after it has ended
---@return cpp.Error? err
function cpp.go_live(options) end

---Reads one operation, with one request.
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations>
---
---Errors: http, auth, network, tls, timeout, protocol, untrusted, stopped, closed
---
---```lua
---local result = assert(cpp.cancel { publisher = "contoso", offer = "contoso-vm" })
---local operation = assert(cpp.operation(result.location))
---print(operation.state, operation.progress)
---```
---@param target string|cpp.OperationTarget # a location, or a table that names the operation
---@return cpp.Operation? operation
---@return cpp.Error? err
function cpp.operation(target) end

---Lists the operations (submissions) of an offer, the newest first (seen: other clients rely on this order).
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations>
---
---Errors: http, auth, network, tls, timeout, protocol, stopped, closed
---
---```lua
---local running = assert(cpp.operations { publisher = "contoso", offer = "contoso-vm", status = "running" })
---print(#running)
---```
---@param options cpp.OperationsOptions
---@return cpp.Submission[]? list
---@return cpp.Error? err
function cpp.operations(options) end

---Lists the offers of a publisher, as the service sends them: `id`, `offerTypeId`, `status`, `definition`, ...
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-offers>
---
---Errors: http, auth, network, tls, timeout, protocol, stopped, closed
---
---```lua
---for _, offer in ipairs(assert(cpp.offers { publisher = "contoso" })) do print(offer.id, offer.status) end
---```
---@param options cpp.OffersOptions
---@return table[]? list
---@return cpp.Error? err
function cpp.offers(options) end

---Reads one offer, as the service sends it. `version` or `slot` selects a version of the offer.
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-specific-offer>
---
---Errors: http, auth, network, tls, timeout, protocol, stopped, closed
---
---```lua
---local offer = assert(cpp.offer { publisher = "contoso", offer = "contoso-vm", slot = "preview" })
---print(offer.id, offer.offerTypeId)
---```
---@param options cpp.OneOfferOptions
---@return table? offer
---@return cpp.Error? err
function cpp.offer(options) end

---Lists the publishers that the token gives access to, as the service sends them. This is a quick check of a token. The
---call is not documented; other clients of the service use it (see [Partner Center](partner-center.md)).
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-overview>
---
---Errors: http, auth, network, tls, timeout, protocol, stopped, closed
---
---```lua
---for _, publisher in ipairs(assert(cpp.publishers {})) do print(publisher.id) end
---```
---@param options cpp.ClientOptions
---@return table[]? list
---@return cpp.Error? err
function cpp.publishers(options) end

---Reads the status of an offer.
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-offer-status>
---
---Errors: http, auth, network, tls, timeout, protocol, stopped, closed
---
---```lua
---local offer = assert(cpp.offer_status { publisher = "contoso", offer = "contoso-vm" })
---print(offer.state)
---```
---@param options cpp.OfferOptions
---@return cpp.OfferStatus? status
---@return cpp.Error? err
function cpp.offer_status(options) end

---Waits until an operation has ended, and tolerates network failures: see [waiting](waiting.md). If the target has neither
---a location nor an `operation_id`, the wait follows the running operation of the offer, until none runs.
---
---Page: <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>
---
---Errors: failed (it ended failed or rejected), timeout, stopped, closed, http, auth, network, tls, protocol, untrusted.
---`err.operation` is the last response; any process can resume the wait from `err.location`
---
---```lua
---local result = assert(cpp.cancel { publisher = "contoso", offer = "contoso-vm" })
---local operation, err = cpp.wait(result, { timeout = 600, on_progress = cpp.progress(io.stderr) })
---print(operation and operation.outcome or err) -- canceled; or completed, if the publish finished first
---```
---@param target cpp.Result|cpp.OperationTarget|string # a result, a location, or a table that names the operation
---@param options? cpp.WaitOptions
---@return cpp.Operation|cpp.Result|nil operation # the operation after it has ended, with its `outcome`
---@return cpp.Error? err
function cpp.wait(target, options) end

---Queries the service after an ambiguous error: see [errors](errors.md#ambiguous). Before it reports that nothing ran
---(`outcome` is "none"), it queries a second time, ten seconds after the call, because the list of submissions may be late
---(inferred).
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations>
---
---Errors: http, auth, network, tls, timeout, protocol, stopped, closed
---
---```lua
---local result, err = cpp.cancel { publisher = "contoso", offer = "contoso-vm" }
---if not result and err.ambiguous then
---  local found = assert(cpp.reconcile(err))
---  print(found.state) -- running, canceled or unknown
---end
---```
---@param target cpp.Error|{ publisher: string, offer: string } # an ambiguous err, or an offer
---@param options? cpp.ClientOptions
---@return cpp.Reconciled? found
---@return cpp.Error? err
function cpp.reconcile(target, options) end

---Cancels the running operations of many offers concurrently: see [batches](batches.md).
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-cancel-operations>
---
---Errors: none; each entry has its own err, with the kinds of `cancel`, and raised (misuse in the item)
---
---```lua
---local list = { { publisher = "contoso", offer = "contoso-vm" }, { publisher = "contoso", offer = "nope" } }
---local entries, failed = cpp.cancel_all(list, { concurrency = 8 })
---print(entries[1].result.status, entries[2].err.kind, failed)
---```
---@param list cpp.StartOptions[]
---@param options? cpp.CancelAllOptions
---@return cpp.Entry[] entries # in the order of the list
---@return integer failed # the number of entries with an err
function cpp.cancel_all(list, options) end

---Runs a function for each item of a list, concurrently; `cancel_all` is built on it. The function is straight-line code
---in a coroutine. Calls of the client that it gets suspend only its own item; it must not wait for anything else.
---
---Page: <https://www.lua.org/manual/5.4/manual.html#2.6>
---
---Errors: none; each entry has its own err, with the kinds of the function's calls, and raised
---
---```lua
---local entries, failed = cpp.map({ "contoso-vm", "nope" }, function(offer, client)
---  local status, err = client:offer_status { publisher = "contoso", offer = offer }
---  return status and status.state, err
---end)
---print(entries[1].result, entries[2].err.status, failed)
---```
---@generic T
---@param list T[]
---@param fn fun(item: T, client: cpp.Client): any, any # its result; or nil and an err
---@param options? cpp.MapOptions
---@return cpp.Entry[] entries # in the order of the list
---@return integer failed # the number of entries with an err
function cpp.map(list, fn, options) end

---Creates a client, with its own connections, options and tokens. Close it when it is no longer needed.
---
---Page: <https://curl.se/libcurl/c/libcurl-multi.html>
---
---Errors: none; misuse raises an error
---
---```lua
---local client <close> = cpp.client { token = os.getenv "AZURE_TOKEN", base_url = os.getenv "CPP_BASE_URL" }
---assert(client:cancel { publisher = "contoso", offer = "contoso-vm" })
---```
---@param options? cpp.ClientOptions
---@return cpp.Client client
function cpp.client(options) end

---Creates an `on_progress` function for `wait`. On a terminal it redraws one line: step, bar, percentage, elapsed time and
---estimated time left. Elsewhere it writes a plain line after each change. With `total`, the number of operations of a
---batch, there is one line for each operation, with its name, as many as fit.
---
---Page: <https://www.lua.org/manual/5.4/manual.html#6.8>
---
---Errors: none
---
---```lua
---local result = assert(cpp.cancel { publisher = "contoso", offer = "contoso-vm" })
---cpp.wait(result, { on_progress = cpp.progress(io.stderr) })
---```
---@param stream? file* # an open file. Default: `io.stderr`
---@param options? { total: integer } # the number of operations. Default: one
---@return fun(operation: cpp.Operation) on_progress
function cpp.progress(stream, options) end
