// Answers that are C++ values, while they arrive.
#pragma once

#include <modelmesh/api/chat/parsed.hpp>
#include <modelmesh/api/route.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>
#include <utility>

namespace modelmesh {

namespace chat {
class stream;
}

namespace detail {

class parsed_source;

/// @param type  what read_more() fills.
[[nodiscard]] task<result<std::shared_ptr<parsed_source>>> open_parsed(task<result<chat::stream>> opening,
                                                                       const json::detail::descriptor& type);
/// Waits for more of the content, and reads all that there is of it into the target. False: the reply is complete.
[[nodiscard]] task<result<bool>> read_more(std::shared_ptr<parsed_source> from, std::shared_ptr<void> target);
/// What is left of the reply, and all that came before it.
[[nodiscard]] task<result<chat::reply>> read_rest(std::shared_ptr<parsed_source> from);
[[nodiscard]] const route& route_of(const parsed_source& from) noexcept;

template <class T>
task<result<const T*>> read_so_far(std::shared_ptr<parsed_source> from, std::shared_ptr<T> target) {
    const result<bool> more = co_await read_more(std::move(from), target);
    if (!more) co_return more.error();
    co_return *more ? target.get() : nullptr;
}

} // namespace detail

namespace chat {

/// An answer that is a T, as it fills: what completions::parse_stream() opens.
///
///     auto stream = co_await client.chat.completions.parse_stream<recipe>(request);
///     while (const recipe* so_far = co_await stream.next()) show(*so_far);
///     const recipe whole = (co_await stream.finish()).value;
///
/// Texts and lists grow, members that have not come have their defaults. A number, an enumerator and an element of a
/// list that are there stay as they are: they are shown once they can be told. Move-only; destroying it cancels what
/// is left of the reply at the provider. One reader at a time, on the executor that opened the stream.
template <class T> class parsed_stream {
public:
    parsed_stream(parsed_stream&&) noexcept = default;
    parsed_stream& operator=(parsed_stream&&) noexcept = default;

    /// Waits for more, and shows all that has arrived. Null: nothing more comes, which does not say that the answer
    /// is whole; finish() does. What it shows lives until the next read. Where a stream begins again, so does the
    /// T: what has come may then be less than before.
    /// Cost: every call reads the whole text again, but no memory is allocated for what was there before. An answer
    /// of n bytes in c chunks takes reading c * n / 2 bytes.
    /// @throws error  as stream::next(); protocol, what has arrived is no beginning of a T.
    /// Cancellation: all types; what has been read stays, but nothing that came after it is promised.
    [[nodiscard]] task<const T*> next() { return detail::or_throw(try_read()); }
    [[nodiscard]] task<result<const T*>> try_read() { return detail::read_so_far<T>(source_, value_); }

    /// Reads what is left and answers as completions::parse() does, once. Errors: those of next(), and those of
    /// parse(): content_filter and protocol.
    [[nodiscard]] task<parsed<T>> finish() { return detail::or_throw(try_finish()); }
    [[nodiscard]] task<result<parsed<T>>> try_finish() {
        return detail::read_parsed<T>(detail::read_rest(source_));
    }

    /// Who serves this stream, and which attempt it was.
    [[nodiscard]] const modelmesh::route& route() const noexcept { return detail::route_of(*source_); }

private:
    friend class completions;
    explicit parsed_stream(std::shared_ptr<detail::parsed_source> source)
        : source_(std::move(source)), value_(std::make_shared<T>()) {}
    static task<result<parsed_stream>> open(task<result<chat::stream>> opening) {
        result<std::shared_ptr<detail::parsed_source>> source =
            co_await detail::open_parsed(std::move(opening), json::detail::describe<T>());
        if (!source) co_return std::move(source).error();
        co_return parsed_stream(std::move(*source));
    }
    // Both are shared with a read under way.
    std::shared_ptr<detail::parsed_source> source_;
    std::shared_ptr<T> value_;
};

} // namespace chat
} // namespace modelmesh
