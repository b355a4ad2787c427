#include "client/item_source.hpp"
#include "middleware/attempts.hpp"

#include "router/request_facts.hpp"
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

fault has_none(const router::pool& pool, std::string_view wanted) {
    fault f(errc::bad_request, "no model of the pool '" + pool.name + "' that the call may ask has '" +
                                   std::string(wanted) + "'");
    f.param = "model";
    f.pool = pool.name;
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

// Nobody does all that the request needs: who lacks what.
fault nobody_can(const router::pool& pool, const router::scope& asked) {
    std::string lacking;
    bool is_too_long = true;
    for (std::size_t i = 0; i < pool.models.size(); ++i) {
        const exclusion why = router::ineligible(pool, i, asked);
        if (why == exclusion::other_provider || why == exclusion::other_operation) continue;
        const router::model_traits& its = pool.members[i].traits;
        lacking.append(lacking.empty() ? "'" : "; '").append(pool.models[i]->id).append("' ");
        if (why == exclusion::too_small) {
            lacking += asked.needs.tokens > its.context_window
                           ? "has a window of " + std::to_string(its.context_window) + " tokens"
                           : "gives " + std::to_string(its.max_output_tokens) + " tokens at most";
            continue;
        }
        is_too_long = false;
        router::request_needs missing;
        missing.bits = asked.needs.bits & its.lacks;
        if (missing.bits != 0)
            lacking += "lacks " + router::described(missing);
        else
            lacking += "takes " + std::to_string(its.max_images) + " pictures at most";
    }
    fault f(is_too_long ? errc::context_length : errc::unsupported,
            "no model of pool '" + pool.name + "' does all that the request needs (" +
                router::described(asked.needs) + "): " + lacking);
    f.pool = pool.name;
    return f;
}

} // namespace

result<router::call> address(std::shared_ptr<const router::snapshot> picture, std::string_view name,
                             std::shared_ptr<const prepared_request> request, const call_terms& terms) {
    router::call made;
    made.picture = std::move(picture);
    if (!terms.provider.empty()) {
        const result<const router::provider_entry*> only = made.picture->find_provider(terms.provider);
        if (!only) return only.error();
        made.asked.only = *only;
    }
    const result<const router::pool*> found = made.asked.only == nullptr
                                                  ? made.picture->resolve(name)
                                                  : made.picture->resolve(name, *made.asked.only);
    if (!found) return found.error();
    made.pool = *found;
    if (request) {
        if (made.pool->kind != router::pool_kind::of_one_model)
            made.asked.operations = router::bit_of(request->operation());
        made.asked.needs = router::needs_of(*request, *made.pool);
    }
    made.request = std::move(request);
    made.deadline = terms.deadline;
    if (!terms.session.empty()) made.session = std::make_shared<const std::string>(terms.session);
    return made;
}

result<router::call> route(std::shared_ptr<const router::snapshot> picture,
                           std::shared_ptr<const prepared_request> request, const call_terms& terms) {
    const prepared_request& what = *request;
    result<router::call> made = address(std::move(picture), what.name(), std::move(request), terms);
    return made ? checked(std::move(*made)) : made;
}

result<router::call> checked(router::call made) {
    const router::pool& pool = *made.pool;
    const std::string_view wanted = capability_of(made.request->operation());
    if (!serves(pool, wanted)) return cannot_serve(pool, wanted);
    router::scope of_provider;
    of_provider.only = made.asked.only;
    if (made.asked.only != nullptr && router::count_eligible(pool, of_provider) == 0)
        return not_served(pool, *made.asked.only);
    router::scope of_operation = made.asked;
    of_operation.needs = {};
    if (!pool.models.empty() && router::count_eligible(pool, of_operation) == 0)
        return has_none(pool, wanted);
    if (!pool.models.empty() && router::count_eligible(pool, made.asked) == 0)
        return nobody_can(pool, made.asked);
    return made;
}

namespace {

class call_context final : public request_context {
public:
    call_context(net_transport& via, const core::request_id& id,
                 std::shared_ptr<const prepared_request> request, const call_terms& terms,
                 std::shared_ptr<const onion> layers)
        : request_context(id.text(), std::move(request), terms.provider, terms.session, terms.deadline,
                          via.time()),
          via_(&via), layers_(std::move(layers)) {
        metadata = terms.metadata;
    }

    /// What the call goes through from its beginning to its end, whatever a reload changes meanwhile.
    [[nodiscard]] const std::shared_ptr<const onion>& layers() const noexcept { return layers_; }

private:
    task<result<void>> sleep_until(time_point moment) override { return via_->sleep_until(moment); }

    net_transport* via_;
    std::shared_ptr<const onion> layers_;
};

// What the references of these refer to outlives them: they are awaited where it is owned.
task<result<router::call>> made_of(std::shared_ptr<client_impl> impl, net_transport& via,
                                   const core::request_id& id,
                                   std::shared_ptr<const prepared_request> request, const call_terms& terms) {
    const std::shared_ptr<router::credentials> keys = impl->keys();
    auto ready = co_await client_impl::ensure_ready(std::move(impl), via, terms.deadline);
    if (!ready) co_return std::move(ready).error();
    result<router::call> made = route(std::move(*ready), std::move(request), terms);
    if (!made) co_return made;
    made->id = id;
    made->keys = keys;
    co_return made;
}

task<result<whole_reply>> ask_mesh(std::shared_ptr<client_impl> impl, net_transport& via,
                                   const core::request_id& id, std::shared_ptr<call_context> context,
                                   const call_terms& terms, router::reply_reader& check) {
    result<router::call> made = co_await made_of(impl, via, id, context->share_request(), terms);
    if (!made) co_return std::move(made).error();
    made->hooks = attempts_of(context->layers(), context);
    whole_reply reply;
    router::reply_reader read = [&reply, &check](std::string&& body) -> result<void> {
        whole_reply given(std::move(body));
        if (result<void> taken = check(std::string(given.body())); !taken) return std::move(taken).error();
        reply = std::move(given);
        return {};
    };
    result<modelmesh::route> served =
        co_await router::complete(via, impl->log(), std::move(*made), std::move(read));
    if (!served) co_return std::move(served).error();
    reply.route = std::move(*served);
    co_return reply;
}

task<result<streamed_reply>> ask_mesh_for_stream(std::shared_ptr<client_impl> impl, net_transport& via,
                                                 const core::request_id& id,
                                                 std::shared_ptr<call_context> context,
                                                 const call_terms& terms) {
    result<router::call> made = co_await made_of(impl, via, id, context->share_request(), terms);
    if (!made) co_return std::move(made).error();
    made->hooks = attempts_of(context->layers(), context);
    result<router::served_stream> served = co_await router::open_stream(via, impl->log(), std::move(*made));
    if (!served) co_return std::move(served).error();
    co_return stream_content::wrap(std::move(served->session), std::move(served->route));
}

// The stream for its reader, as the middlewares leave it.
task<result<stream_content>> stream_of(std::shared_ptr<client_impl> impl, net_transport& via,
                                       const core::request_id& id,
                                       std::shared_ptr<const prepared_request> request, call_terms terms) {
    stream_content content;
    const std::shared_ptr<const onion> layers = impl->layers();
    if (layers->layers().empty()) {
        result<router::call> made = co_await made_of(impl, via, id, std::move(request), terms);
        if (!made) co_return std::move(made).error();
        result<router::served_stream> served =
            co_await router::open_stream(via, impl->log(), std::move(*made));
        if (!served) co_return std::move(served).error();
        content.session = std::move(served->session);
        content.route = std::move(served->route);
        co_return content;
    }
    auto context = std::make_shared<call_context>(via, id, std::move(request), terms, layers);
    function<task<result<streamed_reply>>()> innermost = [&] {
        return ask_mesh_for_stream(impl, via, id, context, terms);
    };
    onion_run<streamed_reply> run(*layers, *context, std::move(innermost));
    result<streamed_reply> reply = co_await run.from(0);
    if (!reply) co_return std::move(reply).error();
    const std::shared_ptr<stream_content> given = stream_content::of(*reply);
    if (!given || !given->session)
        co_return fault(errc::internal, "a middleware answered with a stream that is none");
    given->route.request_id = context->request_id();
    content.route = given->route;
    content.session = watched(*given, layers, std::move(context));
    co_return content;
}

task<result<opened_stream>> streamed(std::shared_ptr<client_impl> impl, call_site at,
                                     std::shared_ptr<const prepared_request> request, call_terms terms) {
    const core::request_id id(at.via.random());
    std::optional<call_report> report(std::in_place, impl->log(), id, request, at.via.time());
    result<stream_content> content =
        co_await stream_of(impl, at.via, id, std::move(request), std::move(terms));
    if (!content) {
        report->failed(content.error());
        co_return std::move(content).error();
    }
    opened_stream opened;
    opened.route = content->route;
    if (report->is_wanted()) report_end(*content, std::move(*report));
    opened.session = watched(*content, impl->layers(), nullptr);
    opened.client = std::move(impl);
    opened.elsewhere = at.elsewhere;
    co_return opened;
}

} // namespace

task<result<whole_reply>> layered(std::shared_ptr<client_impl> impl, net_transport& via,
                                  const core::request_id& id, std::shared_ptr<const prepared_request> request,
                                  call_terms terms, router::reply_reader check) {
    const std::shared_ptr<const onion> layers = impl->layers();
    auto context = std::make_shared<call_context>(via, id, std::move(request), terms, layers);
    function<task<result<whole_reply>>()> innermost = [&] {
        return ask_mesh(impl, via, id, context, terms, check);
    };
    onion_run<whole_reply> run(*layers, *context, std::move(innermost));
    result<whole_reply> reply = co_await run.from(0);
    if (reply) reply->route.request_id = context->request_id();
    co_return reply;
}

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
