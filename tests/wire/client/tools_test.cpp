// Tools: what the model calls is run, and it is told what came of it.
#include "fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
using ::testing::HasSubstr;

struct place {
    std::string city{};
    int days = 1;
    static constexpr json::field_rule json_fields[] = {json::about("city", "a city's name"),
                                                       json::range("days", 1, 7)};
};
struct weather {
    std::string city{};
    int degrees{};
};
struct nothing {};

class ClientTools : public ClientFixture {
protected:
    ClientTools() {
        box.add<place>("get_weather", "The weather", [this](place where) -> task<weather> {
            ++under_way;
            most = std::max(most, under_way);
            co_await asio::post(asio::use_awaitable);
            --under_way;
            co_return weather{where.city, 20 + where.days};
        });
        box.add<nothing>("get_time", "", [](nothing) { return "noon"; });
        box.add<nothing>("fail", "",
                         [](nothing) -> std::string { throw std::runtime_error("out of order"); });
    }
    result<chat::tool_run> ask(const chat::tool_options& options = chat::tool_options::standard()) {
        client c = create(settings);
        const chat::request asked = question();
        return run(c.chat.completions.try_run_tools(asked, box, options));
    }
    /// What the model was told for one call of this.
    std::string told(const std::string& call) {
        start("alpha", R"({"rules":[{"tool_calls":[)" + call + R"(]},{"text":"done"}]})");
        const result<chat::tool_run> done = ask();
        if (!done) return "failed: " + done.error().message;
        EXPECT_EQ(done->reply.text(), "done");
        return std::string(done->messages.at(2).text());
    }

    chat::toolbox box;
    int under_way = 0;
    int most = 0;
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientTools, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ClientTools, AreRunTogetherAndTheirAnswersGoBack) {
    simulator& alpha = start(
        "alpha", R"({"rules":[{"tool_calls":[{"name":"get_weather","arguments":{"city":"Bern","days":2}},)"
                 R"({"name":"get_weather","arguments":{"city":"Zug","days":3}}]},)"
                 R"({"tool_calls":[{"name":"get_time","arguments":"{}"}]},{"text":"done"}]})");
    const result<chat::tool_run> done = ask();
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->reply.text(), "done");
    EXPECT_EQ(done->rounds, 3);
    EXPECT_EQ(most, 2);
    ASSERT_EQ(done->messages.size(), 7u);
    EXPECT_EQ(done->messages[1].tool_calls->size(), 2u);
    EXPECT_EQ(done->messages[2].text(), R"({"city":"Bern","degrees":22})");
    EXPECT_EQ(done->messages[2].tool_call_id, done->messages[1].tool_calls->front().id);
    EXPECT_EQ(done->messages[3].text(), R"({"city":"Zug","degrees":23})");
    EXPECT_EQ(done->messages[5].text(), "noon");
    EXPECT_EQ(done->messages[6].text(), "done");
    const std::vector<recorded_request> seen = alpha.requests();
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_THAT(
        seen[0].body,
        HasSubstr(
            R"({"type":"function","function":{"name":"get_weather","description":"The weather","parameters":)"
            R"({"type":"object","properties":{"city":{"type":"string","description":"a city's name"},"days":)"
            R"({"type":"integer","minimum":1,"maximum":7}},"required":["city","days"],)"
            R"("additionalProperties":false}}})"));
    EXPECT_THAT(
        seen[1].body,
        HasSubstr(R"("role":"tool","content":"{\"city\":\"Bern\",\"degrees\":22}","tool_call_id":")"));
}

TEST_P(ClientTools, TheModelIsToldWhatIsWrongWithItsCall) {
    EXPECT_EQ(told(R"({"name":"get_wether","arguments":{}})"),
              "error: there is no tool 'get_wether', only: get_weather, get_time, fail");
    settings = config();
    EXPECT_EQ(told(R"({"name":"get_weather","arguments":{"city":"Bern","days":8}})"),
              "error: the arguments do not fit: JSON: expected a number from 1 to 7 at /days, offset 22");
    settings = config();
    EXPECT_EQ(told(R"({"name":"get_weather","arguments":{"days":1}})"),
              "error: the arguments do not fit: JSON: member 'city' is missing at the top, offset 9");
    settings = config();
    EXPECT_THAT(told(R"({"name":"get_weather","arguments":"{oops"})"),
                HasSubstr("JSON: expected a member's name"));
    settings = config();
    EXPECT_EQ(told(R"({"name":"fail","arguments":{}})"), "error: out of order");
}

TEST_P(ClientTools, AnExceptionEndsTheRunWhenItShould) {
    start("alpha", R"({"rules":[{"tool_calls":[{"name":"fail","arguments":{}}]}]})");
    chat::tool_options options;
    options.errors = chat::tool_errors::rethrow;
    try {
        (void)ask(options);
        FAIL() << "the tool throws";
    } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "out of order");
    }
}

TEST_P(ClientTools, AModelThatNeverStopsCallingIsStopped) {
    simulator& alpha =
        start("alpha", R"({"rules":[{"times":"always","tool_calls":[{"name":"get_time","arguments":{}}]}]})");
    chat::tool_options options;
    options.rounds = 3;
    const result<chat::tool_run> done = ask(options);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), errc::budget);
    EXPECT_EQ(done.error().message, "run_tools: the model still called tools after 3 rounds");
    EXPECT_EQ(alpha.requests().size(), 3u);
}

TEST_P(ClientTools, ACancellationReachesTheToolThatWaits) {
    start("alpha", R"({"rules":[{"tool_calls":[{"name":"wait","arguments":{}}]}]})");
    bool waits = false;
    bool canceled = false;
    box.add<nothing>("wait", "", [&](nothing) -> task<std::string> {
        asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        waits = true;
        try {
            co_await never.async_wait(asio::use_awaitable);
        } catch (const boost::system::system_error&) {
            canceled = true;
            throw;
        }
        co_return "never";
    });
    asio::io_context loop{1};
    asio::cancellation_signal cancel;
    client c = create(settings);
    const chat::request asked = question();
    auto done = asio::co_spawn(loop, c.chat.completions.try_run_tools(asked, box),
                               asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    while (!waits && std::chrono::steady_clock::now() < limit) loop.run_one_for(std::chrono::milliseconds(1));
    cancel.emit(asio::cancellation_type::terminal);
    loop.restart();
    loop.run_for(std::chrono::seconds(15));
    ASSERT_TRUE(loop.stopped());
    const result<chat::tool_run> ended = done.get();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind(), errc::canceled);
    EXPECT_TRUE(canceled);
}

TEST(Toolbox, NamesAreWhatProvidersAccept) {
    chat::toolbox box;
    const auto tool = [](nothing) { return "x"; };
    box.add<nothing>("a-Z_9", "", tool);
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("\u00e9"),
                                   std::string(65, 'x'), std::string("a-Z_9")})
        EXPECT_THROW(box.add<nothing>(bad, "", tool), std::invalid_argument) << bad;
    EXPECT_EQ(box.definitions().size(), 1u);
}

} // namespace
} // namespace modelmesh::testing
