// What the ledger knows of the storage that its totals outlive the program in. Implemented by src/persistence.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>

namespace modelmesh::budget {

/// Writes how far totals may go, ahead of them (tally::is_covered).
class write_ahead {
public:
    virtual ~write_ahead() = default;
    /// A total comes near its mark, or is above it: it is time to write. Threads: any. Costs an exchange when somebody
    /// has asked already.
    virtual void ask() noexcept = 0;
    /// The storage refuses at the moment: nothing is waited for, and calls go on.
    [[nodiscard]] virtual bool is_failing() const noexcept = 0;
    /// Completes after the next write that begins from now on, however that ends. Called on a loop of one thread.
    /// @param self  kept alive until then. @param until  when it completes all the same.
    [[nodiscard]] virtual task<void> next_write(std::shared_ptr<write_ahead> self, time_point until) = 0;
};

} // namespace modelmesh::budget
