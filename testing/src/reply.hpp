// A reply as a row of byte pieces: everything the simulator sends is made here, also what is broken on
// purpose.
#pragma once

#include "answer.hpp"
#include "script.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::testing::detail {

/// One piece of a reply, sent in this order. The end of the reply is the absence of a piece.
struct piece {
    std::string bytes;
    bool is_event = false; ///< counts for cut.after_events and, for tokens, waits for the pace
};

/// Makes the pieces of one reply one at a time, so that a long stream is never in memory as a whole.
class reply {
public:
    /// A reply with a whole body.
    static reply whole(const reply_context& context, int status, std::string body, const rule& how);
    /// An answer in the form that it has, with status 200.
    static reply of(const reply_context& context, std::shared_ptr<const answer> content, const rule& how);
    /// What a model says to this request: the answer, or the error of the rule.
    static reply to(const reply_context& context, const model_request& request, const rule& how);

    std::optional<piece> next();

private:
    reply(const reply_context& context, int status, std::shared_ptr<const answer> content, const rule& how);
    std::string head(int status, const std::string& content_type, std::optional<std::uint64_t> length) const;
    bool is_whole() const { return answer_->form() == delivery::whole; }
    bool is_events() const { return answer_->form() == delivery::events; }
    std::string event_payload(std::size_t position) const;
    std::size_t event_total() const;
    std::string framed(std::string payload, std::size_t position) const;

    enum class phase : std::uint8_t { head, events, terminator, end };

    reply_context context_;
    rule how_;
    phase phase_ = phase::head;
    int status_ = 200;
    std::shared_ptr<const answer> answer_;
    std::string body_; ///< of an answer that is whole: made once
    std::size_t position_ = 0;
    bool chunked_ = false;
};

/// HTTP's date, always of the same length.
std::string http_date(std::chrono::system_clock::time_point at);

} // namespace modelmesh::testing::detail
