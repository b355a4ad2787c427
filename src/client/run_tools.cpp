// The loop between a model and the tools that it calls.
#include "client/call_deadline.hpp"
#include "core/cancellation.hpp"

#include <modelmesh/api/completions.hpp>
#include <modelmesh/core/or_throw.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace modelmesh::chat {
namespace asio = boost::asio;
namespace {

// The answer to one call. What went wrong is told to the model, or thrown.
task<std::string> answer(toolbox box, tool_call call, tool_errors errors) {
    // In a coroutine of its own, which would let only the hardest type of cancellation through.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    if (!call.function) co_return "error: only tools of the type 'function' can be called";
    std::string text;
    try {
        const result<std::string> done =
            co_await box.call(call.function->name, std::move(call.function->arguments));
        co_return done ? *done : "error: " + done.error().message;
    } catch (const boost::system::system_error& e) {
        if (errors == tool_errors::rethrow || core::is_cancellation(e)) throw;
        text = e.what();
    } catch (const std::exception& e) {
        if (errors == tool_errors::rethrow) throw;
        text = e.what();
    }
    co_return "error: " + text;
}

// The answers to all calls of one message, in their order. Errors: canceled.
task<result<std::vector<std::string>>> answers(toolbox box, std::vector<tool_call> calls,
                                               tool_errors errors) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    using running = decltype(asio::co_spawn(executor, answer(box, tool_call(), errors), asio::deferred));
    std::vector<running> all;
    for (tool_call& call : calls)
        all.push_back(asio::co_spawn(executor, answer(box, std::move(call), errors), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(all));
    auto done = co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    auto& [order, thrown, texts] = done;
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(state)) co_return fault(errc::canceled, "run_tools: canceled");
    for (const std::exception_ptr& each : thrown)
        if (each) std::rethrow_exception(each);
    co_return std::move(texts);
}

task<result<tool_run>> run_all(completions via, request asked, toolbox box, tool_options limits,
                               call_options opt, time_point deadline) {
    tool_run run;
    while (run.rounds < limits.rounds) {
        ++run.rounds;
        const duration left = std::max(deadline - clock::system().now(), duration::zero());
        const call_options options = call_options(opt).timeout(left);
        result<reply> got = co_await via.try_create(asked, options);
        if (!got) co_return std::move(got).error();
        if (got->choices.empty()) co_return fault(errc::protocol, "run_tools: the reply has no choice");
        asked.messages.push_back(got->choices.front().message);
        const json::maybe<std::vector<tool_call>>& calls = asked.messages.back().tool_calls;
        if (!calls || calls->empty()) {
            run.reply = std::move(*got);
            run.messages = std::move(asked.messages);
            co_return std::move(run);
        }
        const std::vector<tool_call> under_way = *calls;
        const result<std::vector<std::string>> texts = co_await answers(box, under_way, limits.errors);
        if (!texts) co_return texts.error();
        for (std::size_t i = 0; i < texts->size(); ++i)
            asked.messages.push_back(tool_result(under_way[i].id, (*texts)[i]));
        if (clock::system().now() >= deadline) co_return fault(errc::timed_out, "run_tools: timed out");
    }
    co_return fault(errc::budget, "run_tools: the model still called tools after " +
                                      std::to_string(run.rounds) + " rounds");
}

} // namespace

task<result<tool_run>> completions::try_run_tools(const request& req, const toolbox& tools,
                                                  const tool_options& limits, const call_options& opt) {
    request asked = req;
    std::vector<tool> offered = tools.definitions();
    if (asked.tools) offered.insert(offered.begin(), asked.tools->begin(), asked.tools->end());
    if (!offered.empty()) asked.tools = std::move(offered);
    return core::canceled_as_fault(
        run_all(*this, std::move(asked), tools, limits, opt, detail::deadline_of(opt)), "run_tools");
}

task<tool_run> completions::run_tools(const request& req, const toolbox& tools, const tool_options& limits,
                                      const call_options& opt) {
    return detail::or_throw(try_run_tools(req, tools, limits, opt));
}

} // namespace modelmesh::chat
