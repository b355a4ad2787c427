// What has arrived of a body on an HTTP/2 stream and waits for its reader.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace modelmesh::net {

/// Slices that the connection's input lends for one turn; what nobody has taken by then is copied.
class received_body {
public:
    /// Adds the next bytes, valid until keep(). @param keeper  keeps them while a reader has the slice.
    /// True: it is the first slice that keep() is to be called for.
    bool lend(std::string_view slice, std::shared_ptr<void> keeper);
    /// The next slice, valid until the next call of this, let_go() or drop(). False: there is none.
    bool take(std::string_view& slice);
    /// The reader needs the slice that it took last no more.
    void let_go() noexcept { taken_.reset(); }
    /// Copies what is lent and was not taken: its memory is about to be used again. Returns how much that is.
    std::size_t keep();
    /// Nobody will read on. Returns how much nobody has taken.
    std::size_t drop() noexcept;

    [[nodiscard]] bool empty() const noexcept { return next_ == pieces_.size(); }

private:
    struct piece {
        std::string_view bytes;
        std::shared_ptr<void> keeper;
        std::size_t room = 0; // behind the bytes, in a copy
        bool is_lent = false;
    };

    std::vector<piece> pieces_; // from next_ on
    std::size_t next_ = 0;
    std::shared_ptr<void> taken_; // keeps the slice that was given out last
};

} // namespace modelmesh::net
