// Audio in the formats of speech: silence, as long as the text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace modelmesh::testing::detail {

/// The type of a body in this format: mp3, opus, aac, flac, wav, pcm.
std::string audio_type(std::string_view format);

/// Silence for a text of so many characters. wav, pcm and mp3 can be played; of the other formats only the
/// first bytes are right.
std::string silence(std::string_view format, std::size_t characters);

} // namespace modelmesh::testing::detail
