// What every provider promises of its chats; used as those of a storage (conformance/storage.hpp).
#pragma once

#include <modelmesh/api/chat/chunk.hpp>
#include <modelmesh/api/chat/reply.hpp>
#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/connector/provider.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/testing/conformance/promise.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::testing {

struct provider_kit {
    std::function<std::unique_ptr<connector::provider>()> make;
    std::string answer; ///< the body of a whole reply to a chat, as the vendor sends it
    /// The data of the events of a streamed reply, the end mark included. Empty: its replies come whole.
    std::vector<std::string> frames{};
};
using provider_promise = promise<provider_kit>;

namespace detail {

inline std::shared_ptr<const prepared_request> a_chat(bool stream) {
    std::string json = R"({"model":"chat","messages":[{"role":"user","content":"Who are you?"}])";
    json += stream ? R"(,"stream":true})" : "}";
    return prepared_request::parse(operation::chat_completion, std::move(json), stream).value();
}

inline void encodes_the_same_each_time(const provider_kit& of, broken& told) {
    const connector::target to{"/base", "model-of-the-test", "key-of-the-test"};
    for (const bool stream : {false, true}) {
        const auto chat = a_chat(stream);
        const auto made = of.make();
        http::request first;
        http::request second;
        if (!told.expect_value(made->encode(*chat, to, first), "encoding a chat")) return;
        told.expect_value(of.make()->encode(*chat, to, second), "encoding it again");
        told.expect(first.target == second.target && first.body == second.body,
                    "the same request is encoded to the same each time");
        told.expect(first.target.starts_with("/base"), "the target begins with the base path");
        told.expect((first.target + first.body).find("model-of-the-test") != std::string::npos,
                    "the request names the model");
    }
}

inline result<chat::reply> decoded(const provider_kit& of, std::string body) {
    http::response answer;
    answer.status = 200;
    answer.body = std::move(body);
    const result<std::string> reply = of.make()->decode(*a_chat(false), std::move(answer));
    if (!reply) return reply.error();
    return json::read<chat::reply>(*reply);
}

inline void reads_the_vendors_answer(const provider_kit& of, broken& told) {
    const auto reply = decoded(of, of.answer);
    if (!told.expect_value(reply, "decoding the answer")) return;
    told.expect(!reply->choices.empty(), "the reply has a choice");
}

inline void refuses_what_is_no_answer(const provider_kit& of, broken& told) {
    for (const std::string_view body : {"", " ", "{", "[]", "null", "<html>busy</html>", "\xff\xfe\x01"})
        told.expect_failure(decoded(of, std::string(body)), errc::protocol,
                            "decoding '" + std::string(body) + "'");
    const std::size_t end = of.answer.find_last_not_of(" \t\r\n"); // a final newline is not the answer's
    for (std::size_t length = 1; length <= end && end != of.answer.npos; ++length)
        if (!told.expect(!decoded(of, of.answer.substr(0, length)),
                         "an answer that was cut off after " + std::to_string(length) + " bytes is refused"))
            return;
}

inline void classifies_every_status(const provider_kit& of, broken& told) {
    const auto made = of.make();
    const std::chrono::system_clock::time_point wall{std::chrono::hours(500'000)};
    for (const std::string_view body : {"", "<html>", "{}", R"({"error":{"message":"no"}})", "\xff\xfe"})
        for (int status = 300; status < 600; ++status) {
            http::response answer;
            answer.status = status;
            answer.body = body;
            const fault f = made->classify(answer, wall);
            const std::string with = "a failure with status " + std::to_string(status);
            if (!told.expect(f.http_status == status, with + " says so")) return;
            const bool may_pass = status == 429 || status == 500 || status == 502 || status == 503;
            const bool may_not = status == 400 || status == 401 || status == 422;
            if (may_pass && !told.expect(retryable(f), with + " may pass")) return;
            if (may_not && !told.expect(!retryable(f), with + " does not pass")) return;
        }
}

/// What a decoder makes of a stream.
class seen_stream final : public connector::frame_sink {
public:
    /// @param frames  data of events, of which this many are given. @param has_end  and the end of the body.
    seen_stream(const provider_kit& of, const std::vector<std::string>& frames, std::size_t count) {
        const auto decoder = of.make()->open_stream(*a_chat(true));
        for (std::size_t i = 0; i < count && outcome; ++i) {
            const std::string padded = frames[i] + std::string(64, '\0'); // as the core gives it
            outcome = decoder->on_frame({{}, std::string_view(padded).substr(0, frames[i].size())}, *this);
        }
        if (outcome) outcome = decoder->on_end(*this);
    }
    void chunk(std::string_view piece) override {
        ++chunks;
        if (!json::read<chat::chunk>(piece)) are_chunks = false;
        is_late = is_late || ends > 0;
    }
    void done() override { ++ends; }

    result<void> outcome{};
    int chunks = 0;
    int ends = 0;
    bool are_chunks = true;
    bool is_late = false;
};

inline void reads_the_vendors_stream(const provider_kit& of, broken& told) {
    if (of.frames.empty()) return;
    const seen_stream whole(of, of.frames, of.frames.size());
    told.expect_value(whole.outcome, "a whole stream");
    told.expect(whole.chunks > 0 && whole.are_chunks, "it has chunks, which are such as OpenAI sends");
    told.expect(whole.ends == 1 && !whole.is_late, "it ends once, behind the last of them");
}

inline void a_stream_that_was_cut_off_has_no_end(const provider_kit& of, broken& told) {
    for (std::size_t count = 0; count < of.frames.size(); ++count) {
        const seen_stream cut(of, of.frames, count);
        if (!told.expect(cut.ends == 0 || (cut.outcome && cut.ends == 1),
                         "a stream ends well or fails, not both") ||
            !told.expect(count + 1 < of.frames.size() || cut.ends == 0,
                         "a stream without its end mark does not end as a whole one"))
            return;
    }
}

// Whether the decoder sees it, or who reads the chunks.
inline void odd_frames_end_no_stream_well(const provider_kit& of, broken& told) {
    if (of.frames.empty()) return;
    for (const std::string odd : {"{", "null", "<html>", "\xff\xfe", "[DONE", "{\"choices\":3}"}) {
        const seen_stream met(of, {odd}, 1);
        told.expect(!met.outcome && met.ends == 0, "a stream that says '" + odd + "' fails");
    }
}

} // namespace detail

inline constexpr provider_promise provider_promises[] = {
    {"encodes_the_same_each_time", detail::encodes_the_same_each_time},
    {"reads_the_vendors_answer", detail::reads_the_vendors_answer},
    {"refuses_what_is_no_answer", detail::refuses_what_is_no_answer},
    {"classifies_every_status", detail::classifies_every_status},
    {"reads_the_vendors_stream", detail::reads_the_vendors_stream},
    {"a_stream_that_was_cut_off_has_no_end", detail::a_stream_that_was_cut_off_has_no_end},
    {"odd_frames_end_no_stream_well", detail::odd_frames_end_no_stream_well},
};

} // namespace modelmesh::testing
