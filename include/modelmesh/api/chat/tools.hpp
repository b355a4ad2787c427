// Tools: C++ functions that a model may have called.
#pragma once

#include <modelmesh/api/chat/message.hpp>
#include <modelmesh/api/chat/reply.hpp>
#include <modelmesh/api/chat/request.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/json/schema.hpp>
#include <modelmesh/json/write.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace modelmesh::detail {

template <class T> struct is_task : std::false_type {};
template <class T> struct is_task<task<T>> : std::true_type {};

// What the model reads: a text as it is, anything else as JSON.
template <class T> std::string tool_answer(T&& value) {
    if constexpr (std::is_convertible_v<T&&, std::string>)
        return std::string(std::forward<T>(value));
    else
        return json::write(value);
}

// Errors: bad_request, the arguments do not fit the parameters.
[[nodiscard]] result<void> read_arguments(std::string_view arguments, void* target,
                                          const json::detail::descriptor& type);

template <class Parameters, class Run>
task<result<std::string>> run_tool(std::shared_ptr<Run> run, std::string arguments) {
    Parameters parameters{};
    const result<void> read = read_arguments(arguments, &parameters, json::detail::describe<Parameters>());
    if (!read) co_return read.error();
    using outcome = std::invoke_result_t<Run&, Parameters>;
    if constexpr (is_task<outcome>::value) {
        auto value = co_await std::invoke(*run, std::move(parameters));
        co_return tool_answer(std::move(value));
    } else {
        co_return tool_answer(std::invoke(*run, std::move(parameters)));
    }
}

} // namespace modelmesh::detail

namespace modelmesh::chat {

/// Functions that a model may have called, by their names. Copies share the functions.
/// Threads: adding needs the box for itself; everything else, any thread. Functions are called on the executor
/// that awaits completions::run_tools, several at a time when they suspend.
class toolbox {
public:
    toolbox() = default;

    /// @tparam Parameters  an aggregate: its JSON Schema, with json::about() and json::range(), is what the model
    ///         reads.
    /// @param run  is called with Parameters and returns a text, or what can be written as JSON, or a task of
    ///         either. What it throws is told to the model, or ends the run: tool_errors.
    /// @throws std::invalid_argument  the name is taken, empty, or no name that providers accept: letters,
    ///         digits, '_' and '-', 64 at most.
    template <class Parameters, class Run> toolbox& add(std::string name, std::string description, Run run) {
        auto shared = std::make_shared<Run>(std::move(run));
        add_erased(std::move(name), std::move(description), json::schema<Parameters>(),
                   [shared = std::move(shared)](std::string arguments) {
                       return detail::run_tool<Parameters>(shared, std::move(arguments));
                   });
        return *this;
    }

    /// As a request lists them.
    [[nodiscard]] std::vector<tool> definitions() const;
    /// Runs one call. Errors: bad_request, no tool has that name, or the arguments do not fit; the message is
    /// meant for the model. What the function throws is passed on.
    [[nodiscard]] task<result<std::string>> call(std::string_view name, std::string arguments) const;

private:
    using runner = function<task<result<std::string>>(std::string)>;
    struct entry {
        function_definition definition;
        runner run;
    };
    void add_erased(std::string name, std::string description, std::string schema, runner run);

    std::vector<std::shared_ptr<entry>> entries_;
};

/// What becomes of an exception in a tool. Wrong names and arguments are always told to the model.
enum class tool_errors : std::uint8_t {
    tell_model, ///< its what() is the tool's answer
    rethrow,    ///< it ends the run
};

/// Has a constructor, so that g++ 12 accepts it in a `co_await` expression.
class tool_options {
public:
    tool_options() = default;
    [[nodiscard]] static const tool_options& standard() noexcept;

    int rounds = 10; ///< requests to the model, at most
    tool_errors errors = tool_errors::tell_model;
};

/// What completions::run_tools() answers.
class tool_run {
public:
    tool_run() = default;
    chat::reply reply;             ///< the last one, without tool calls
    std::vector<message> messages; ///< the whole conversation, that answer included
    int rounds = 0;                ///< requests that it took
};

} // namespace modelmesh::chat
