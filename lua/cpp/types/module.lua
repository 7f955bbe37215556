-- Types for editors and for doc/reference.md: what `require "cpp"` gives. Nothing of types/ is ever
-- loaded; the specs of spec/project/types/ compare it with the module. The form is LuaCATS (lua-language-server).
---@meta _

---Cancels publishing operations on the Azure Cloud Partner Portal. Its functions use one default client, made at first
---use. Its token comes from AZURE_TOKEN, or from `cpp.credentials.default()`; CPP_BASE_URL names another service. Misuse
---(a wrong type, an unknown option, a closed client) raises; failures at run time are returned as `nil, err`.
---@class cpp
---@field _VERSION string # the version of the package (semantic versioning)
---@field core cpp.core # the C module
---@field credentials cpp.credentials # where tokens come from
---@field loop cpp.Loops # the loops that come with the package, each loaded when it is first named
local cpp = {}

---Cancels the running publishing operation of an offer. A 202 says that the cancel was accepted, and not that it will
---work, nor that anything ran: only a wait tells, by its `outcome`.
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
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation at its end
---@return cpp.Error? err
function cpp.cancel(options) end

---Publishes an offer: starts an operation that cancel stops. A 202 is documented. A 200 does not say that it has ended:
---it may be the response to a publish that runs already (inferred). A wait ends where the publish is completed, or waits
---for the publisher's sign-off (`outcome` is "signoff").
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
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation at its end
---@return cpp.Error? err
function cpp.publish(options) end

---Takes an offer live that was published to preview: starts an operation that cancel stops. No body is sent without
---`emails`, which are not documented here: by its documentation, the service notifies the addresses of the publish.
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
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation at its end
---@return cpp.Error? err
function cpp.go_live(options) end

---Looks at one operation, once.
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
---@param target string|cpp.OperationTarget # a location; or where the operation is, and any option of a client
---@return cpp.Operation? operation
---@return cpp.Error? err
function cpp.operation(target) end

---Lists the operations (submissions) of an offer: the newest first, as other clients of the service rely on.
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

---Asks for one offer, as the service sends it; with `version` or `slot`, for that version of it.
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

---Lists the publishers that the token gives access to, as the service sends them: a cheap check of a token. The call is
---not documented; other clients of the service use it (see [Partner Center](partner-center.md)).
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

---Asks for the status of an offer.
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

---Waits until an operation has ended, whatever the network does meanwhile: see [waiting](waiting.md). A target without
---a location and an operation_id is followed by what runs on the offer, until nothing does.
---
---Page: <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>
---
---Errors: failed (it ended failed or rejected), timeout, stopped, closed, http, auth, network, tls, protocol, untrusted.
---`err.operation` is what was last seen, and `err.location` where any process can go on
---
---```lua
---local result = assert(cpp.cancel { publisher = "contoso", offer = "contoso-vm" })
---local operation, err = cpp.wait(result, { timeout = 600, on_progress = cpp.progress(io.stderr) })
---print(operation and operation.outcome or err) -- canceled; or completed, where the publish finished first
---```
---@param target cpp.Result|cpp.OperationTarget|string # a result, where the operation is, or its location
---@param options? cpp.WaitOptions
---@return cpp.Operation|cpp.Result|nil operation # it ended well: `outcome` tells how
---@return cpp.Error? err
function cpp.wait(target, options) end

---Asks the service what became of a call whose outcome is not known: see [errors](errors.md). It looks twice, the second
---time ten seconds after the call, before it says that nothing ran (`outcome` is "none"): the list may be late (inferred).
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations>
---
---Errors: http, auth, network, tls, timeout, protocol, stopped, closed
---
---```lua
---local result, err = cpp.cancel { publisher = "contoso", offer = "contoso-vm" }
---if not result and err.ambiguous then
---  local answer = assert(cpp.reconcile(err))
---  print(answer.state) -- running, canceled or unknown
---end
---```
---@param target cpp.Error|{ publisher: string, offer: string } # an ambiguous err, or an offer
---@param options? cpp.ClientOptions
---@return cpp.Reconciled? answer
---@return cpp.Error? err
function cpp.reconcile(target, options) end

---Cancels the running operations of many offers, many at once: see [batches](batches.md).
---
---Page: <https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-cancel-operations>
---
---Errors: none of its own: each entry has its err, with the kinds of cancel, and raised (misuse in that item)
---
---```lua
---local list = { { publisher = "contoso", offer = "contoso-vm" }, { publisher = "contoso", offer = "nope" } }
---local entries, failed = cpp.cancel_all(list, { concurrency = 8 })
---print(entries[1].result.status, entries[2].err.kind, failed)
---```
---@param list cpp.StartOptions[]
---@param options? cpp.CancelAllOptions
---@return cpp.Entry[] entries # in the list's order
---@return integer failed # how many have an err
function cpp.cancel_all(list, options) end

---Runs a function for each item of a list, many at once: what cancel_all is made of. It is straight-line code in a
---coroutine; calls of the client that it gets suspend that item only, and it may wait for nothing else.
---
---Page: <https://www.lua.org/manual/5.4/manual.html#2.6>
---
---Errors: none of its own: each entry has its err, with the kinds of what the function calls, and raised
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
---@return cpp.Entry[] entries # in the list's order
---@return integer failed # how many have an err
function cpp.map(list, fn, options) end

---Makes a client: its own connections, options and tokens. Close it when it is no longer needed.
---
---Page: <https://curl.se/libcurl/c/libcurl-multi.html>
---
---Errors: none; misuse raises
---
---```lua
---local client <close> = cpp.client { token = os.getenv "AZURE_TOKEN", base_url = os.getenv "CPP_BASE_URL" }
---assert(client:cancel { publisher = "contoso", offer = "contoso-vm" })
---```
---@param options? cpp.ClientOptions
---@return cpp.Client client
function cpp.client(options) end

---Makes an on_progress function for wait: on a terminal it draws a line over and over (step, bar, percent, time, and
---what is left by the pace of the steps); elsewhere it writes a plain line whenever something has changed. With `total`,
---the number of operations of a batch, there is a line with its name for each of them, as many as fit.
---
---Page: <https://www.lua.org/manual/5.4/manual.html#6.8>
---
---Errors: none
---
---```lua
---local result = assert(cpp.cancel { publisher = "contoso", offer = "contoso-vm" })
---cpp.wait(result, { on_progress = cpp.progress(io.stderr) })
---```
---@param stream? file* # of the io library. Default: `io.stderr`
---@param options? { total: integer } # how many operations are waited for. Default: one
---@return fun(operation: cpp.Operation) on_progress
function cpp.progress(stream, options) end
