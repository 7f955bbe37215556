-- Types for editors and for doc/reference.md: a client. Its methods are the functions of the module.
---@meta _

---A client, made by cpp.client. Leaving the scope of a `<close>` variable closes it, and so does the garbage collector.
---@class cpp.Client
---@field core cpp.CoreClient # the C side, for loops
---@field package options cpp.ClientOptions
---@field package loop cpp.Loop
---@field package tokens table
local Client = {}

---As cpp.cancel, with this client.
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation at its end
---@return cpp.Error? err
function Client:cancel(options) end

---As cpp.publish, with this client.
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation at its end
---@return cpp.Error? err
function Client:publish(options) end

---As cpp.go_live, with this client.
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation at its end
---@return cpp.Error? err
function Client:go_live(options) end

---As cpp.operation, with this client.
---@param target string|cpp.OperationTarget # a location; or where the operation is, and any option of a client
---@return cpp.Operation? operation
---@return cpp.Error? err
function Client:operation(target) end

---As cpp.operations, with this client.
---@param options cpp.OperationsOptions
---@return cpp.Submission[]? list
---@return cpp.Error? err
function Client:operations(options) end

---As cpp.offer_status, with this client.
---@param options cpp.OfferOptions
---@return cpp.OfferStatus? status
---@return cpp.Error? err
function Client:offer_status(options) end

---As cpp.wait, with this client.
---@param target cpp.Result|cpp.OperationTarget|string # a result, where the operation is, or its location
---@param options? cpp.WaitOptions
---@return cpp.Operation|cpp.Result|nil operation # it ended well: `state` is "canceled" or "completed"
---@return cpp.Error? err
function Client:wait(target, options) end

---As cpp.reconcile, with this client.
---@param target cpp.Error|{ publisher: string, offer: string } # an ambiguous err, or an offer
---@param options? cpp.ClientOptions
---@return cpp.Reconciled? answer
---@return cpp.Error? err
function Client:reconcile(target, options) end

---As cpp.cancel_all, with this client.
---@param list cpp.StartOptions[]
---@param options? cpp.CancelAllOptions
---@return cpp.Entry[] entries # in the list's order
---@return integer failed # how many have an err
function Client:cancel_all(list, options) end

---As cpp.map, with this client.
---@generic T
---@param list T[]
---@param fn fun(item: T, client: cpp.Client): any, any # its result; or nil and an err
---@param options? cpp.MapOptions
---@return cpp.Entry[] entries # in the list's order
---@return integer failed # how many have an err
function Client:map(list, fn, options) end

---Ends everything that runs (its err has kind "closed") and frees the connections. Closing twice is fine; any other
---call afterwards raises.
---
---Page: <https://curl.se/libcurl/c/curl_multi_cleanup.html>
---
---Errors: none
---
---```lua
---local client = cpp.client { token = os.getenv "AZURE_TOKEN", base_url = os.getenv "CPP_BASE_URL" }
---client:close()
---```
function Client:close() end

---@package
---@param options? cpp.ClientOptions
---@return cpp.Client
function Client.new(options) end

---@package
---@param loop cpp.Loop
---@return cpp.Client
function Client:with_loop(loop) end

---@package
---@param options cpp.OperationTarget
---@param limits? table
---@return cpp.Operation? operation
---@return cpp.Error? err
---@return integer? retry_after
function Client:look(options, limits) end
