// What was saved of models in an earlier life, for the snapshots that are made in this one (src/persistence has it).
#pragma once

namespace modelmesh::router {

struct snapshot;

/// Called by whoever makes snapshots, one after the other.
class saved_state {
public:
    virtual ~saved_state() = default;
    /// Gives the models of a snapshot, which no request has seen, what was saved of them.
    virtual void restore(const snapshot& into) = 0;
    /// Requests are routed on it: what it was given is used up. One that is thrown away has used up nothing.
    virtual void forget(const snapshot& served) noexcept = 0;
};

} // namespace modelmesh::router
