#include <modelmesh/middleware.hpp>

#include "middleware/onion.hpp"
#include "middleware/stream_content.hpp"
#include "router/request_facts.hpp"

#include <modelmesh/json/members.hpp>

#include <stdexcept>

namespace modelmesh {

request_context::request_context(std::string id, std::shared_ptr<const prepared_request> request,
                                 std::string provider, std::string session, time_point deadline,
                                 const clock& time)
    : request_id_(std::move(id)), request_(std::move(request)), requested_name_(request_->name()),
      session_(std::move(session)), provider_(std::move(provider)), deadline_(deadline), clock_(&time) {
    if (!session_.empty()) return;
    // Without its quotes, but escaped.
    if (const std::string_view said = router::facts_of(*request_).session; !said.empty())
        if (result<std::string> text = json::string_value("\"" + std::string(said) + "\""))
            session_ = std::move(*text);
}

result<void> request_context::change_request(std::string json) {
    auto changed = prepared_request::parse(request_->operation(), std::move(json), request_->stream(),
                                           request_->files());
    if (!changed) return std::move(changed).error();
    request_ = std::move(*changed);
    return {};
}

task<result<void>> request_context::wait_until(time_point moment) {
    if (moment >= deadline_)
        co_return fault(errc::timed_out, "the request's deadline passes before what it would wait for");
    co_return co_await sleep_until(moment);
}

template class basic_next<whole_reply>;
template class basic_next<streamed_reply>;

// The references of these two are the call's, which awaits them.
task<result<whole_reply>> middleware::handle(request_context& c, reply_next inner) {
    if (const result<void> ready = on_request(c); !ready) co_return ready.error();
    result<whole_reply> reply = co_await inner();
    if (!reply) {
        if (std::optional<whole_reply> instead = on_error(c, reply.error())) co_return std::move(*instead);
        co_return std::move(reply).error();
    }
    if (const result<void> seen = on_reply(c, *reply); !seen) co_return seen.error();
    co_return reply;
}

task<result<streamed_reply>> middleware::handle_stream(request_context& c, stream_next inner) {
    if (const result<void> ready = on_request(c); !ready) co_return ready.error();
    result<streamed_reply> reply = co_await inner();
    if (!reply) {
        if (std::optional<streamed_reply> instead = on_stream_error(c, reply.error()))
            co_return std::move(*instead);
        co_return std::move(reply).error();
    }
    if (std::unique_ptr<stream_watcher> watcher = watcher_of(c)) reply->watch(*this, std::move(watcher));
    co_return reply;
}

result<void> middleware::on_request(request_context&) { return {}; }
result<void> middleware::on_reply(request_context&, whole_reply&) { return {}; }
std::optional<whole_reply> middleware::on_error(request_context&, const fault&) { return std::nullopt; }
std::optional<streamed_reply> middleware::on_stream_error(request_context&, const fault&) {
    return std::nullopt;
}
std::unique_ptr<stream_watcher> middleware::watcher_of(request_context&) { return nullptr; }
result<void> middleware::before_attempt(attempt_context&) { return {}; }
void middleware::after_attempt(attempt_context&, const fault*) {}

void streamed_reply::watch(const middleware& by, std::unique_ptr<stream_watcher> added) {
    if (!content_) throw std::invalid_argument("streamed_reply::watch: there is no stream");
    content_->watchers.push_back({&by, std::move(added)});
}

const modelmesh::route& streamed_reply::route() const noexcept {
    static const modelmesh::route none;
    return content_ ? content_->route : none;
}

} // namespace modelmesh
