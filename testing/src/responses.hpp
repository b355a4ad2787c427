// The Responses API: one answer in its states, whole and as named events.
#pragma once

#include "answer.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::testing::detail {

struct response_request {
    std::string model;
    bool stream = false;
    bool store = true;
    bool background = false;
    std::optional<std::string> previous; ///< id of the response that this one goes on from
    std::string question;                ///< text of the last user message
    std::optional<std::uint64_t> limit;  ///< max_output_tokens
    std::uint64_t input_tokens = 0;
    boost::json::array items;   ///< of the input, as they are listed
    boost::json::object echoed; ///< members of the reply that repeat the request, with the vendor's defaults
};

/// @throws refusal
response_request read_response_request(std::string_view body);

/// What a response may be told to be.
enum class response_state : std::uint8_t { queued, in_progress, finished, cancelled };

/// One answer. Finished, it is completed, or incomplete when the limit cut it off.
class response_answer final : public answer {
public:
    response_answer(const response_request& request, const rule& how, const reply_context& context);

    const std::string& id() const { return id_; }
    /// Made while the client does something else, and asks for it from time to time.
    bool is_background() const { return request_.background && !request_.stream; }
    boost::json::object object(response_state state) const;
    /// What it was asked with: every item has an id.
    std::vector<boost::json::object> input_items() const;

    delivery form() const override { return request_.stream ? delivery::events : delivery::whole; }
    std::string body() const override; ///< queued when it is to be made in the background
    std::size_t event_count() const override { return events_.size(); }
    stream_event event(std::size_t position) const override;
    stream_event failure(const api_error& error, std::size_t position) const override;
    bool ends_with_done() const override { return false; }

private:
    enum class kind : std::uint8_t {
        created,
        in_progress,
        item_added,
        part_added,
        text_delta,
        text_done,
        part_done,
        arguments_delta,
        arguments_done,
        item_done,
        finished,
    };
    struct planned_event {
        kind what{};
        std::size_t item = 0;
        std::string delta{};
    };

    bool has_message() const { return !text_.empty() || calls_.empty(); }
    std::size_t item_count() const { return calls_.size() + (has_message() ? 1 : 0); }
    std::string item_id(std::size_t item) const;
    std::string status(response_state state) const;
    boost::json::object text_part(std::string_view text) const;
    boost::json::object item_object(std::size_t item, bool is_done) const;
    const scripted_call& call_of(std::size_t item) const { return calls_[item - (has_message() ? 1 : 0)]; }

    response_request request_;
    std::uint64_t serial_ = 0;
    std::string id_;
    std::int64_t created_ = 0;
    std::string text_;
    std::vector<scripted_call> calls_;
    std::string incomplete_reason_; ///< empty: completed
    std::uint64_t output_tokens_ = 0;
    std::vector<planned_event> events_;
};

/// The latest responses, which clients may ask for again.
class response_store {
public:
    void keep(std::shared_ptr<const response_answer> made);
    bool has(const std::string& id) const;
    /// Its body. A response of the background goes on a step each time it is asked for: queued, in progress,
    /// finished. @throws refusal
    std::string show(const std::string& id);
    /// Its events, as a query asks for them: `starting_after`, `include_obfuscation`. One of the background is
    /// finished by that. @throws refusal
    std::shared_ptr<const answer> replay(const std::string& id, const fields& in);
    std::string cancel(const std::string& id); ///< @throws refusal when it is none of the background
    std::string remove(const std::string& id);
    std::string input_items(const std::string& id, const recorded_request& request);

private:
    struct entry {
        std::shared_ptr<const response_answer> made;
        response_state state = response_state::finished;
    };
    std::deque<entry>::iterator find(const std::string& id); ///< @throws refusal when there is none

    std::deque<entry> entries_; // oldest first
};

} // namespace modelmesh::testing::detail
