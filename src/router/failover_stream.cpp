#include "router/failover_stream.hpp"

#include "proto/sse.hpp"
#include "router/router.hpp"

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <array>
#include <utility>

namespace modelmesh::router {
namespace {

bool can_be_marked(operation what) noexcept {
    return what == operation::chat_completion || what == operation::text_completion ||
           what == operation::response;
}

std::optional<token_counts> sum(const std::optional<token_counts>& a,
                                const std::optional<token_counts>& b) noexcept {
    if (!a || !b) return std::nullopt;
    return token_counts{a->input + b->input, a->output + b->output};
}

// A chunk that adds nothing to the reply, but for its x_modelmesh.
std::string mark_of(operation what, modelmesh::route route) {
    route.restarted = true;
    std::string text;
    switch (what) {
    case operation::response:
        text = R"({"type":"x_modelmesh.restarted","sequence_number":0)";
        break;
    case operation::text_completion:
        text = R"({"id":"","object":"text_completion","created":0,"model":"","choices":[])";
        break;
    default:
        text = R"({"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[])";
        break;
    }
    text += R"(,"x_modelmesh":)";
    json::append(text, route);
    text += '}';
    text.reserve(text.size() + proto::sse_decoder::padding);
    return text;
}

} // namespace

bool failover_stream::is_for(const call& made) {
    switch (made.pool->streaming.on_failure) {
    case stream_failure_action::error:
        return false;
    case stream_failure_action::continue_:
        return continuation::is_for(*made.request);
    case stream_failure_action::restart:
        break;
    }
    return can_be_marked(made.request->operation());
}

failover_stream::failover_stream(transport& via, log_sink* log, attempt_plan plan,
                                 std::unique_ptr<stream_session> first)
    : via_(&via), log_(log), plan_(std::move(plan)), current_(std::move(first)),
      asked_(plan_.made().request) {
    if (plan_.made().pool->streaming.on_failure == stream_failure_action::continue_) continuation_.emplace();
}

bool failover_stream::is_repairable(const fault& f) {
    const bool can = !is_served_ && current_->may_be_repaired() &&
                     failovers_ < plan_.made().pool->streaming.max_failovers &&
                     (!continuation_ || continuation_->is_possible());
    if (!can) return false;
    plan_.broke_off(f);
    broken_ = f;
    return true;
}

result<stream_state> failover_stream::try_next(std::string_view& piece) {
    if (failure_) return *failure_;
    if (broken_) return stream_state::pending;
    if (std::exchange(is_mark_due_, false)) {
        piece = mark_;
        return stream_state::chunk;
    }
    for (;;) {
        const result<stream_state> state = current_->try_next(piece);
        if (!state) {
            if (is_repairable(state.error())) return stream_state::pending;
            return state;
        }
        if (*state != stream_state::chunk) return state;
        result<bool> is_shown = true;
        if (continuation_) is_shown = continuation_->take(piece);
        if (!is_shown) {
            std::optional<fault> failed = fail(is_shown.error());
            if (failed) return std::move(*failed);
            return stream_state::pending;
        }
        if (!*is_shown) continue;
        received_ += piece.size();
        return state;
    }
}

std::optional<fault> failover_stream::fail(fault f) {
    if (failure_) return failure_;
    const bool is_canceled = f.kind() == errc::canceled;
    if (broken_) return is_canceled ? std::optional(std::move(f)) : std::nullopt;
    std::optional<fault> failed = current_->fail(std::move(f));
    if (is_canceled || !is_repairable(*failed)) return failed;
    return std::nullopt;
}

task<result<void>> failover_stream::wait() {
    if (!broken_) {
        const result<void> woken = co_await current_->wait();
        if (woken || woken.error().kind() == errc::canceled) co_return woken;
        std::optional<fault> failed = fail(woken.error());
        if (failed) co_return std::move(*failed);
    }
    co_return co_await move_on();
}

task<result<void>> failover_stream::move_on() {
    if (continuation_) {
        result<std::shared_ptr<const prepared_request>> request = continuation_->request_for(*asked_);
        if (!request) {
            end_with(std::move(request).error());
            co_return result<void>();
        }
        plan_.ask(std::move(*request));
    }
    result<std::unique_ptr<stream_session>> next = co_await next_stream(*via_, log_, plan_);
    if (!next) {
        // Whoever cancels a read may read again: the search goes on then.
        if (next.error().kind() == errc::canceled) co_return std::move(next).error();
        end_with(std::move(next).error());
        co_return result<void>();
    }
    const std::optional<std::int64_t> cost = current_->cost();
    spent_ = spent_ && cost ? std::optional(*spent_ + *cost) : std::nullopt;
    counted_ = sum(counted_, current_->tokens());
    current_ = std::move(*next);
    ++failovers_;
    route_ = route_of(*via_, plan_);
    if (continuation_) {
        continuation_->move_on();
    } else {
        mark_ = mark_of(asked_->operation(), route_);
        is_mark_due_ = true;
    }
    report(*broken_);
    broken_.reset();
    co_return result<void>();
}

void failover_stream::end_with(fault last) {
    if (plan_.time().now() >= plan_.made().deadline) {
        failure_ = std::move(last);
    } else {
        failure_ = std::move(broken_);
        failure_->attempts = std::move(last.attempts);
    }
    broken_.reset();
}

void failover_stream::served() {
    is_served_ = true;
    current_->served();
}

std::optional<std::int64_t> failover_stream::cost() const noexcept {
    const std::optional<std::int64_t> last = current_->cost();
    return spent_ && last ? std::optional(*spent_ + *last) : std::nullopt;
}

std::optional<token_counts> failover_stream::tokens() const noexcept {
    return sum(counted_, current_->tokens());
}

void failover_stream::report(const fault& broken) const {
    if (log_ == nullptr || !log_->wants(severity::warning)) return;
    const std::string attempt = std::to_string(route_.attempts);
    const std::string bytes = std::to_string(received_);
    const std::array<log_field, 9> fields{{{"request_id", route_.request_id},
                                           {"pool", route_.pool},
                                           {"mode", continuation_ ? "continue" : "restart"},
                                           {"from_model", broken.model},
                                           {"model", route_.model},
                                           {"provider", route_.provider},
                                           {"attempt", attempt},
                                           {"kind", to_string(broken.kind())},
                                           {"received_bytes", bytes}}};
    log_->write(severity::warning, "stream.failover", fields);
}

} // namespace modelmesh::router
