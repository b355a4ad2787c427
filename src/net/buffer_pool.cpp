// The pool behind owned chunks.
#include "net/buffer_pool.hpp"

namespace modelmesh::net {

buffer_pool::handle buffer_pool::make(std::size_t kept) { return handle(new buffer_pool(kept)); }

buffer_pool::handle buffer_pool::share() noexcept {
    ++handles_;
    return handle(this);
}

buffer_pool::~buffer_pool() {
    for (char* memory : idle_) delete[] memory;
}

char* buffer_pool::take() {
    char* memory = nullptr;
    if (idle_.empty()) {
        memory = new char[buffer_size + chunk::padding]; // not initialised: it is received into
    } else {
        memory = idle_.back();
        idle_.pop_back();
    }
    ++lent_;
    return memory;
}

void buffer_pool::give_back(char* memory, std::uint32_t) noexcept {
    --lent_;
    if (handles_ != 0 && idle_.size() < kept_)
        idle_.push_back(memory); // within the reserved capacity: cannot throw
    else
        delete[] memory;
    if (handles_ == 0 && lent_ == 0) delete this;
}

void buffer_pool::drop_handle() noexcept {
    if (--handles_ == 0 && lent_ == 0) delete this;
}

} // namespace modelmesh::net
