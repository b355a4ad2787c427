#include "net/received_body.hpp"

#include "net/chunk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace modelmesh::net {
namespace {

// A copy has room for more, or a peer that sends byte by byte would cost an allocation for each.
constexpr std::size_t copy_room = 4096;

} // namespace

bool received_body::lend(std::string_view slice, std::shared_ptr<void> keeper) {
    const bool is_first = empty() || !pieces_.back().is_lent;
    pieces_.push_back(piece{slice, std::move(keeper), 0, true});
    return is_first;
}

bool received_body::take(std::string_view& slice) {
    taken_.reset();
    if (empty()) return false;
    piece& next = pieces_[next_++];
    slice = next.bytes;
    taken_ = std::move(next.keeper);
    if (empty()) {
        pieces_.clear();
        next_ = 0;
    }
    return true;
}

std::size_t received_body::drop() noexcept {
    std::size_t untaken = 0;
    for (; next_ < pieces_.size(); ++next_) untaken += pieces_[next_].bytes.size();
    pieces_.clear();
    next_ = 0;
    taken_.reset();
    return untaken;
}

std::size_t received_body::keep() {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
    const auto untaken = pieces_.begin();
    const auto first = std::find_if(untaken, pieces_.end(), [](const piece& p) { return p.is_lent; });
    std::size_t size = 0;
    for (auto p = first; p != pieces_.end(); ++p) size += p->bytes.size();
    if (size == 0) return 0;

    piece copy;
    if (first != untaken && (first - 1)->room >= size) {
        copy = std::move(*(first - 1));
    } else {
        const std::size_t room = std::max(size, copy_room);
        const std::shared_ptr<char[]> memory(
            new char[room + chunk::padding]); // not initialised: filled below
        copy.bytes = std::string_view(memory.get(), 0);
        copy.room = room;
        copy.keeper = memory;
    }
    const bool is_extended = !copy.bytes.empty();
    char* const begin = const_cast<char*>(copy.bytes.data()); // memory of our own
    std::size_t filled = copy.bytes.size();
    for (auto p = first; p != pieces_.end(); ++p) {
        std::memcpy(begin + filled, p->bytes.data(), p->bytes.size());
        filled += p->bytes.size();
    }
    copy.bytes = std::string_view(begin, filled);
    copy.room -= size;
    pieces_.erase(is_extended ? first - 1 : first, pieces_.end());
    pieces_.push_back(std::move(copy));
    return size;
}

} // namespace modelmesh::net
