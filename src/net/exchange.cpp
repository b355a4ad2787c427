#include "net/exchange.hpp"

#include <algorithm>
#include <utility>

namespace modelmesh::net {
namespace {

// A length is announced by the client, so it is not believed further than this before bytes arrive.
constexpr std::size_t reserve_limit = 1024 * 1024;

task<result<void>> failed(fault why) { co_return why; }

} // namespace

task<result<std::optional<std::string_view>>> exchange::read() {
    for (;;) {
        std::string_view slice;
        const result<read_status> got = try_read(slice);
        if (!got) co_return got.error();
        if (*got == read_status::slice) co_return std::optional<std::string_view>(slice);
        if (*got == read_status::end) co_return std::optional<std::string_view>();
        const result<void> waited = co_await wait();
        if (!waited) co_return waited.error();
    }
}

task<result<std::string>> exchange::read_all() {
    std::string all;
    if (const auto announced = content_length())
        all.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*announced, reserve_limit)));
    for (;;) {
        std::string_view slice;
        const result<read_status> got = try_read(slice);
        if (!got) co_return got.error();
        if (*got == read_status::end) co_return all;
        if (*got == read_status::slice) {
            all += slice;
            continue;
        }
        const result<void> waited = co_await wait();
        if (!waited) co_return waited.error();
    }
}

task<result<void>> exchange::respond(int status, const http::headers& headers, std::string_view body) {
    const result<void> started = start(status, headers, body.size());
    if (!started) return failed(started.error());
    return finish(body);
}

} // namespace modelmesh::net
