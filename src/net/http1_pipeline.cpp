#include "net/http1_pipeline.hpp"

#include "net/engine.hpp"

#include <algorithm>
#include <utility>

namespace modelmesh::net {
namespace {

// Of an answer that nobody wants: more costs those behind it more than a new connection.
constexpr std::size_t drop_limit = 64 * 1024;

} // namespace

http1_pipeline::http1_pipeline(engine& io, std::unique_ptr<http1_connection> connection, std::size_t depth,
                               watcher& told)
    : engine_(io), connection_(std::move(connection)), depth_(depth), watcher_(told) {}

std::unique_ptr<pipelined_exchange> http1_pipeline::begin() {
    auto made = std::make_unique<pipelined_exchange>(shared_from_this());
    ++begun_;
    return made;
}

pipelined_exchange* http1_pipeline::reader() const noexcept {
    for (const place& each : line_)
        if (each.owner != nullptr) return each.owner;
    return nullptr;
}

pipelined_exchange* http1_pipeline::sender() const noexcept {
    for (const place& each : line_)
        if (each.owner != nullptr && !each.owner->is_sent_) return each.owner;
    return nullptr;
}

void http1_pipeline::enter(pipelined_exchange& exchange, bool is_to_head) {
    line_.push_back(place{&exchange, is_to_head});
    --begun_;
    exchange.is_in_line_ = true;
    if (line_.size() == 1) connection_->expect_answer(is_to_head);
}

// @pre exchange is the reader
result<bool> http1_pipeline::read_head(pipelined_exchange& exchange) {
    while (line_.front().owner == nullptr) {
        const result<bool> is_dropped = drop_left();
        if (exchange.failure_) return *exchange.failure_;
        if (!is_dropped || !*is_dropped) return is_dropped;
    }
    result<bool> got = connection_->try_read_head();
    exchange.has_answer_ = connection_->has_answer();
    if (!got)
        end(true, &exchange);
    else if (*got)
        line_.front().has_head = true;
    return got;
}

// Reads on in the first answer, which nobody wants. True: it has ended.
result<bool> http1_pipeline::drop_left() {
    place& first = line_.front();
    if (!first.has_head) {
        const result<bool> got = connection_->try_read_head();
        if (!got) {
            end(true, nullptr);
            return got;
        }
        if (!*got) return false;
        first.has_head = true;
    }
    for (;;) {
        std::string_view ignored;
        const result<read_status> got = connection_->try_read(ignored);
        if (!got) {
            end(true, nullptr);
            return got.error();
        }
        if (*got == read_status::would_block) return false;
        if (*got == read_status::end) {
            pass_on();
            return true;
        }
        first.dropped += ignored.size();
        if (first.dropped > drop_limit) {
            end(false, nullptr);
            return true;
        }
    }
}

// The first answer has ended.
void http1_pipeline::pass_on() noexcept {
    was_used_ = true;
    line_.pop_front();
    const bool goes_on = connection_->response().keep_alive();
    if (!goes_on || (line_.empty() && (is_closing_ || !connection_->is_reusable())))
        return end(true, nullptr);
    if (line_.empty()) return;
    connection_->expect_answer(line_.front().is_to_head);
    if (pipelined_exchange* const next = reader()) next->wake();
}

// A request was cut off while it was sent. What was sent before it is still answered.
void http1_pipeline::send_no_more(const pipelined_exchange& behind) noexcept {
    is_closing_ = true;
    const auto cut = std::find_if(line_.begin(), line_.end(),
                                  [&behind](const place& each) { return each.owner == &behind; });
    if (cut == line_.end()) return;
    for (auto each = cut + 1; each != line_.end(); ++each)
        if (each->owner != nullptr) each->owner->lose();
    line_.erase(cut + 1, line_.end());
}

// @param except  has its own failure to report.
void http1_pipeline::end(bool is_servers_fault, const pipelined_exchange* except) noexcept {
    is_closing_ = true;
    connection_->close();
    bool is_missing = false;
    for (const place& each : line_) {
        if (each.owner == nullptr || each.owner == except) continue;
        each.owner->lose();
        is_missing = true;
    }
    line_.clear();
    if (is_missing && is_servers_fault) watcher_.pipeline_broke();
}

// @param is_late  it waited for its answer and the server stayed silent, or what came was of no use.
void http1_pipeline::leave(pipelined_exchange& exchange, bool is_late) noexcept {
    const auto own = std::find_if(line_.begin(), line_.end(),
                                  [&exchange](const place& each) { return each.owner == &exchange; });
    if (!exchange.is_in_line_) {
        --begun_;
    } else if (own == line_.end()) {
        // The connection ended before it.
    } else if (!exchange.is_sent_) {
        if (exchange.is_begun_) send_no_more(exchange);
        std::erase_if(line_, [&exchange](const place& each) { return each.owner == &exchange; });
    } else if (own == line_.begin() && own->has_head && connection_->response().ended()) {
        pass_on();
    } else if (is_late && reader() == &exchange) {
        end(true, &exchange);
    } else {
        own->owner = nullptr;
    }
    if (!line_.empty() && reader() == nullptr) end(false, nullptr); // nobody is left to read
    for (pipelined_exchange* const next : {reader(), sender()})
        if (next != nullptr) next->wake();
    watcher_.pipeline_changed(*this);
}

pipelined_exchange::pipelined_exchange(std::shared_ptr<http1_pipeline> on)
    : home_(std::move(on)), turn_(home_->engine_, *this) {}

void pipelined_exchange::finish(bool is_late) noexcept {
    if (!std::exchange(is_over_, true)) home_->leave(*this, is_late);
}

void pipelined_exchange::lose() noexcept {
    failure_ = fault(errc::connect, "the connection ended before the answer began");
    is_unprocessed_ = true;
    wake();
}

result<bool> pipelined_exchange::try_send(const outgoing& what) {
    if (home_->is_closing_) {
        is_unprocessed_ = true;
        return fault(errc::connect, "the connection takes no more requests");
    }
    proto::write_request_head(head_, *what.request, what.defaults);
    unsent_ = gather(head_, what.request->body);
    home_->enter(*this, what.request->method == "HEAD");
    return try_send_rest();
}

result<bool> pipelined_exchange::try_send_rest() {
    if (failure_) return *failure_;
    if (home_->sender() != this) return false;
    is_begun_ = true;
    const result<bool> all = home_->connection_->transport().try_send(unsent_);
    if (!all) {
        home_->send_no_more(*this);
        is_sent_ = true; // what the server said before it stopped listening may be the answer
    } else if (*all) {
        is_sent_ = true;
        if (pipelined_exchange* const next = home_->sender()) next->wake();
    }
    return all;
}

wait_operation pipelined_exchange::wait_sent(time_point deadline) {
    if (failure_) return wait_operation(wait_outcome::ready);
    if (home_->sender() != this) return turn_.wait(deadline);
    return home_->connection_->transport().wait_writable(deadline);
}

result<bool> pipelined_exchange::try_send_piece(std::string_view) {
    return fault(errc::internal, "a streamed body in a pipeline");
}

result<bool> pipelined_exchange::try_read_head() {
    if (failure_) return *failure_;
    if (home_->reader() != this) return false;
    return home_->read_head(*this);
}

result<read_status> pipelined_exchange::try_read(std::string_view& slice) {
    if (failure_) return *failure_;
    const result<read_status> got = home_->connection_->try_read(slice);
    if (!got) home_->end(true, this);
    return got;
}

wait_operation pipelined_exchange::wait(time_point deadline) {
    if (failure_) return wait_operation(wait_outcome::ready);
    if (home_->reader() != this) return turn_.wait(deadline);
    return home_->connection_->transport().wait_readable(deadline);
}

} // namespace modelmesh::net
