// The events of a streamed reply of the Responses API. Their own strings are views into the received bytes: valid
// until the next read of the stream.
#pragma once

#include <modelmesh/api/responses/reply.hpp>

namespace modelmesh::responses {

/// What a command printed meanwhile.
struct shell_delta {
    json::maybe<std::string_view> standard_output{};
    json::maybe<std::string_view> standard_error{};
    json::extra_view extra{};

    static constexpr json::field_rule json_fields[] = {json::rename("standard_output", "stdout"),
                                                       json::rename("standard_error", "stderr")};
    friend bool operator==(const shell_delta&, const shell_delta&) = default;
};

/// One event; `type` says which of the other members are set. One struct and no variant: the 58 types are made of the
/// same few members, and a variant would have each piece of text searched for its type up to 58 times.
struct event {
    std::string_view type{};          ///< response.created, response.output_text.delta, error, ...
    std::int64_t sequence_number = 0; ///< rises from event to event
    json::maybe<std::string_view> item_id{};
    json::maybe<std::int64_t> output_index{};  ///< of the item in the reply's `output`
    json::maybe<std::int64_t> content_index{}; ///< of the part in the item's content
    /// To be appended to what came before under the same indexes.
    json::maybe<std::variant<std::string_view, shell_delta>> delta{};
    json::maybe<std::vector<token_logprob>> logprobs{};
    json::maybe<std::string_view> obfuscation{};
    json::maybe<std::string_view> text{}; ///< this and the next six: the whole, when it is done
    json::maybe<std::string_view> refusal{};
    json::maybe<std::string_view> name{};
    json::maybe<std::string_view> arguments{};
    json::maybe<std::string_view> input{};
    json::maybe<std::string_view> command{};
    json::maybe<std::string_view> code{}; ///< of a program; of an error
    json::maybe<responses::part> part{};
    json::maybe<responses::item> item{};
    json::maybe<responses::reply> response{};
    json::maybe<std::int64_t> summary_index{};
    json::maybe<std::string_view> status{}; ///< of a summary that is incomplete
    json::maybe<responses::annotation> annotation{};
    json::maybe<std::int64_t> annotation_index{};
    json::maybe<std::int64_t> command_index{};
    json::maybe<std::vector<shell_output>> output{};
    json::maybe<std::int64_t> partial_image_index{};
    json::maybe<std::string_view> partial_image_b64{};
    json::maybe<std::string_view> size{};
    json::maybe<std::string_view> quality{};
    json::maybe<std::string_view> background{};
    json::maybe<std::string_view> output_format{};
    json::maybe<std::string_view> message{}; ///< of an error
    json::maybe<std::string_view> param{};   ///< of an error
    json::maybe<route>
        x_modelmesh{}; ///< in the mark of a stream that begins again: who serves it from here on
    json::extra_view extra{};

    /// The text that this event adds to the reply's output; empty when it adds none.
    [[nodiscard]] std::string_view text_delta() const noexcept;
    /// Nothing comes after this one: the reply is completed, incomplete or failed, or the stream has an error.
    [[nodiscard]] bool is_last() const noexcept;
    /// This event is no part of the reply but a mark (`type` is x_modelmesh.restarted), of pools with
    /// `streaming.on_failure: restart` alone: the model failed, and another one answers from the beginning, with a
    /// response of another id. Whatever came before is to be thrown away.
    [[nodiscard]] bool restarted() const noexcept { return x_modelmesh && x_modelmesh->restarted == true; }

    friend bool operator==(const event&, const event&) = default;
};

} // namespace modelmesh::responses
