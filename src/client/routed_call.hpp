// The way of a call from the client to the router: the request is prepared before the call's first await, and
// runs where the engine can run.
#pragma once

#include "client/call_deadline.hpp"
#include "client/call_report.hpp"
#include "client/client_impl.hpp"
#include "core/cancellation.hpp"
#include "router/typed_reply.hpp"

#include <modelmesh/connector/prepared_request.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace modelmesh::detail {

using prepared = result<std::shared_ptr<const prepared_request>>;

/// What a call's options say, with an absolute end.
class call_terms {
public:
    explicit call_terms(const call_options& opt)
        : deadline(deadline_of(opt)), provider(opt.provider()), session(opt.session()),
          metadata(opt.metadata()) {}
    time_point deadline;
    std::string provider; ///< empty: not said, as the next
    std::string session;
    std::map<std::string, std::string> metadata;
};

/// Which pool a call goes to, and what it wants of its models.
/// @param request  null: the name is all that is known of it.
/// Errors: not_found, nothing goes by the name, or there is no such provider.
[[nodiscard]] result<router::call> address(std::shared_ptr<const router::snapshot> picture,
                                           std::string_view name,
                                           std::shared_ptr<const prepared_request> request,
                                           const call_terms& terms);

/// Checks that the pool of a call can serve it. Errors: as route().
[[nodiscard]] result<router::call> checked(router::call made);

/// The same for a call that is to be made. Errors: not_found, also when none of the pool's models is the provider's;
/// bad_request, a pool that is for something else goes by the name.
[[nodiscard]] result<router::call> route(std::shared_ptr<const router::snapshot> picture,
                                         std::shared_ptr<const prepared_request> request,
                                         const call_terms& terms);

/// The call through the middlewares of the client, which has some.
/// @param check  what takes the body that a model gave; what it refuses, the next model may do better.
/// @param via, id  outlive the task.
[[nodiscard]] task<result<whole_reply>> layered(std::shared_ptr<client_impl> impl, net_transport& via,
                                                const core::request_id& id,
                                                std::shared_ptr<const prepared_request> request,
                                                call_terms terms, router::reply_reader check);

template <class Reply>
task<result<Reply>> layered_as(std::shared_ptr<client_impl> impl, net_transport& via,
                               const core::request_id& id, std::shared_ptr<const prepared_request> request,
                               call_terms terms, router::reply_format<Reply> format) {
    router::reply_reader check = [format](std::string&& body) -> result<void> {
        const result<Reply> got = format(std::move(body));
        if (!got) return got.error();
        return {};
    };
    result<whole_reply> given =
        co_await layered(std::move(impl), via, id, std::move(request), std::move(terms), std::move(check));
    if (!given) co_return std::move(given).error();
    result<Reply> reply = format(std::string(given->body()));
    if (reply) reply->x_modelmesh = std::move(given->route);
    co_return reply;
}

template <class Reply>
task<result<Reply>> routed(std::shared_ptr<client_impl> impl, net_transport& via, const core::request_id& id,
                           std::shared_ptr<const prepared_request> request, call_terms terms,
                           router::reply_format<Reply> format) {
    auto ready = co_await client_impl::ensure_ready(impl, via, terms.deadline);
    if (!ready) co_return std::move(ready).error();
    result<router::call> made = route(std::move(*ready), std::move(request), terms);
    if (!made) co_return std::move(made).error();
    made->id = id;
    made->keys = impl->keys();
    co_return co_await router::complete_as<Reply>(via, impl->log(), std::move(*made), format);
}

template <class Reply>
task<result<Reply>> whole(std::shared_ptr<client_impl> impl, net_transport& via,
                          std::shared_ptr<const prepared_request> request, call_terms terms,
                          router::reply_format<Reply> format) {
    const core::request_id id(via.random());
    call_report report(impl->log(), id, request, via.time());
    result<Reply> reply = fault();
    if (impl->layers()->layers().empty())
        reply =
            co_await routed<Reply>(std::move(impl), via, id, std::move(request), std::move(terms), format);
    else
        reply = co_await layered_as<Reply>(std::move(impl), via, id, std::move(request), std::move(terms),
                                           format);
    if (reply)
        report.served(*reply->x_modelmesh);
    else
        report.failed(reply.error());
    co_return reply;
}

template <class Reply>
task<result<Reply>> run_whole(std::shared_ptr<client_impl> impl, prepared request, call_terms terms,
                              router::reply_format<Reply> format) {
    if (!request) co_return std::move(request).error();
    function<task<result<Reply>>(call_site)> work = [impl, request = std::move(*request), terms,
                                                     format](call_site at) {
        return whole<Reply>(impl, at.via, request, terms, format);
    };
    co_return co_await client_impl::on_loop(impl, std::move(work));
}

/// The call for one reply.
template <class Reply>
[[nodiscard]] task<result<Reply>> call_for(std::shared_ptr<client_impl> impl, prepared request,
                                           const call_options& opt, std::string_view name,
                                           router::reply_format<Reply> format = router::read_json<Reply>) {
    return core::canceled_as_fault(
        run_whole<Reply>(std::move(impl), std::move(request), call_terms(opt), format), std::string(name));
}

} // namespace modelmesh::detail
