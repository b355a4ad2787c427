#include "net/linger.hpp"

#include <cstddef>

namespace modelmesh::net {
namespace {

// What is read, and thrown away, so that the client gets to read our last answer.
constexpr std::size_t linger_limit = 256 * 1024;

} // namespace

task<void> linger(stream& link, chunk& input, time_point until) {
    link.end_output();
    for (std::size_t passed = input.bytes().size(); passed < linger_limit;) {
        const result<io_status> received = link.try_receive(input);
        if (!received || *received == io_status::end) co_return;
        passed += input.bytes().size();
        if (*received == io_status::ready) continue;
        const wait_outcome outcome = co_await link.wait_readable(until);
        // Whoever cancels only has us look again: a stream that was closed says so.
        if (outcome == wait_outcome::timed_out) co_return;
    }
}

} // namespace modelmesh::net
