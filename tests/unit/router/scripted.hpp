// Providers that answer by a script, for tests of the attempt loop without a network.
#pragma once

#include "fixture.hpp"
#include "router/transport.hpp"

#include <modelmesh/core/task.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::router::testing {

// What a scripted provider does with one request: fails before an answer, or answers with these slices, and
// after them ends or fails.
struct scripted_answer {
    std::optional<fault> refusal{};
    int status = 200;
    std::vector<std::string> slices{};
    std::optional<fault> cut{};
    duration pace{};            ///< passes before each slice, and before the end
    bool is_cut_in_wait{false}; ///< the wait for what comes next tells of the cut, and not the read
};

class scripted_body final : public body {
public:
    scripted_body(scripted_answer answer, virtual_clock& time) : answer_(std::move(answer)), time_(&time) {}
    result<body_state> try_read(std::string_view& slice) override {
        if (!woken_) return body_state::would_block; // every slice has to be waited for once
        if (next_ < answer_.slices.size()) {
            woken_ = false;
            slice = answer_.slices[next_++];
            return body_state::slice;
        }
        if (answer_.cut) return *answer_.cut;
        return body_state::end;
    }
    task<result<void>> wait() override {
        woken_ = true;
        time_->advance(answer_.pace);
        if (answer_.is_cut_in_wait && next_ == answer_.slices.size()) co_return *answer_.cut;
        co_return result<void>();
    }

    void done() noexcept override {}

private:
    scripted_answer answer_;
    virtual_clock* time_;
    std::size_t next_ = 0;
    bool woken_ = false;
};

// Answers by provider, told apart by the key that the request carries.
class scripted_transport : public transport {
public:
    std::map<std::string, std::deque<scripted_answer>, std::less<>> script;
    std::vector<std::string> asked;
    std::vector<std::string> bodies; ///< of the requests
    std::vector<duration> waits;     ///< for the first byte of each answer
    virtual_clock now;

    task<result<http::response>> exchange(std::shared_ptr<const endpoint>,
                                          std::shared_ptr<const http::request> request,
                                          patience limits) override {
        waits.push_back(limits.first_byte);
        scripted_answer answer = take(*request);
        if (answer.refusal) co_return *answer.refusal;
        http::response r;
        r.status = answer.status;
        for (const std::string& slice : answer.slices) r.body += slice;
        if (answer.cut) co_return *answer.cut;
        co_return r;
    }

    task<result<opened>> open(std::shared_ptr<const endpoint>, std::shared_ptr<const http::request> request,
                              patience limits) override {
        waits.push_back(limits.first_byte);
        scripted_answer answer = take(*request);
        if (answer.refusal) co_return *answer.refusal;
        opened o;
        o.head.status = answer.status;
        if (answer.status != 200)
            for (const std::string& slice : answer.slices) o.head.body += slice;
        else
            o.body = std::make_unique<scripted_body>(std::move(answer), now);
        co_return o;
    }

    task<result<void>> sleep_until(time_point moment) override {
        if (moment > now.now()) now.advance(moment - now.now());
        co_return result<void>();
    }
    const clock& time() const noexcept override { return now; }
    rng& random() noexcept override { return even; }
    std::string_view engine_name() const noexcept override { return "scripted"; }

private:
    scripted_answer take(const http::request& request) {
        const std::string_view prefix = "Bearer key-of-";
        bodies.push_back(request.body);
        asked.emplace_back(request.headers.get("Authorization").substr(prefix.size()));
        std::deque<scripted_answer>& answers = script[asked.back()];
        if (answers.empty()) return scripted_answer{fault(errc::internal, "nothing scripted"), 0, {}, {}};
        scripted_answer next = std::move(answers.front());
        answers.pop_front();
        return next;
    }
};

inline scripted_answer refuses(errc kind) { return {fault(kind, "scripted"), 0, {}, {}}; }
inline scripted_answer answers(int status, std::string body) {
    return {std::nullopt, status, {std::move(body)}, {}};
}

inline std::string event(std::string_view delta) {
    return R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":)" +
           std::string(delta) + R"(,"finish_reason":null}]})" + "\n\n";
}
inline const std::string good =
    R"({"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"4"},"finish_reason":"stop"}]})";
inline const std::string role = event(R"({"role":"assistant","content":""})");
inline const std::string done = "data: [DONE]\n\n";

} // namespace modelmesh::router::testing
