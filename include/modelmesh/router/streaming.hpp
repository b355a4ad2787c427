// What becomes of a stream whose model fails after the reader has seen a part of the reply.
#pragma once

namespace modelmesh {

/// Before its first content a stream that fails is always taken over by the next model, which nobody notices.
/// This is for later failures that another model may repair; never for one of the caller's own, a deadline that
/// has passed, or a cancellation.
enum class stream_failure_action : unsigned char {
    error,     ///< the reader gets the failure; what it has stays valid
    continue_, ///< the next model is given the text so far and goes on with it; `continue` in a file
    restart,   ///< the next model answers from the beginning, behind a mark that says so
};

} // namespace modelmesh
