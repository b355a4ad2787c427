#include "client/item_source.hpp"

#include "router/selection.hpp"

#include <modelmesh/router/capability.hpp>

#include <algorithm>

namespace modelmesh::detail {
namespace {

// Who names a model gets what its provider says; a pool's models were chosen for what it is for.
bool serves(const router::pool& pool, std::string_view wanted) {
    return pool.capability.empty() || capability::within(wanted, pool.capability) ||
           capability::within(pool.capability, wanted);
}

fault cannot_serve(const router::pool& pool, std::string_view wanted) {
    fault f(errc::bad_request, "the pool '" + pool.name + "' is for '" + pool.capability +
                                   "', and this request needs '" + std::string(wanted) + "'");
    f.param = "model";
    return f;
}

// A text about what the pool has instead: whoever narrows a call by hand has mixed up two names.
fault not_served(const router::pool& pool, const router::provider_entry& by) {
    std::vector<std::string_view> others;
    for (const router::model_entry* model : pool.models)
        if (std::find(others.begin(), others.end(), model->provider->id) == others.end())
            others.push_back(model->provider->id);
    std::string text = "no model of pool '" + pool.name + "' is served by provider '" + by.id + "'";
    for (const std::string_view other : others)
        text.append(other == others.front() ? ", but by '" : ", '").append(other).append("'");
    fault f(errc::not_found, std::move(text));
    f.pool = pool.name;
    f.provider = by.id;
    return f;
}

} // namespace

result<router::call> route(const client_impl& impl, std::shared_ptr<const prepared_request> request,
                           const call_terms& terms) {
    router::call made;
    made.picture = impl.current();
    const result<const router::pool*> pool = made.picture->resolve(request->name());
    if (!pool) return pool.error();
    const std::string_view wanted = capability_of(request->operation());
    if (!serves(**pool, wanted)) return cannot_serve(**pool, wanted);
    made.pool = *pool;
    if (!terms.provider.empty()) {
        const result<const router::provider_entry*> provider = made.picture->find_provider(terms.provider);
        if (!provider) return provider.error();
        if (router::count_eligible(**pool, *provider) == 0) return not_served(**pool, **provider);
        made.only = *provider;
    }
    made.request = std::move(request);
    made.deadline = terms.deadline;
    return made;
}

namespace {
task<result<opened_stream>> streamed(std::shared_ptr<client_impl> impl, call_site at,
                                     std::shared_ptr<const prepared_request> request, call_terms terms) {
    const result<void> ready = co_await client_impl::ensure_ready(impl, at.via, terms.deadline);
    if (!ready) co_return ready.error();
    result<router::call> made = route(*impl, std::move(request), terms);
    if (!made) co_return std::move(made).error();
    result<router::served_stream> served =
        co_await router::open_stream(at.via, impl->log(), std::move(*made));
    if (!served) co_return std::move(served).error();
    opened_stream opened;
    opened.client = std::move(impl);
    opened.session = std::move(served->session);
    opened.route = std::move(served->route);
    opened.elsewhere = at.elsewhere;
    co_return opened;
}
} // namespace

task<result<opened_stream>> run_stream(std::shared_ptr<client_impl> impl, prepared request,
                                       call_terms terms) {
    if (!request) co_return std::move(request).error();
    function<task<result<opened_stream>>(call_site)> work = [impl, request = std::move(*request),
                                                             terms](call_site at) {
        return streamed(impl, at, request, terms);
    };
    co_return co_await client_impl::on_loop(impl, std::move(work));
}

} // namespace modelmesh::detail
