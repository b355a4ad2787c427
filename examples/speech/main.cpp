// A text read aloud, into a file while it is being made.
//   speech ["text" FILE]      with OPENAI_API_KEY or OPENAI_BASE_URL set
#include <modelmesh/modelmesh.hpp>

#include <modelmesh/api/audio.hpp>

#include <fstream>
#include <iostream>

modelmesh::task<> read_aloud(std::string text, std::string path) {
    modelmesh::client client = modelmesh::create("text-to-speech");
    modelmesh::audio::speech_request request;
    request.model = "text-to-speech";
    request.input = text;
    request.voice = "alloy";
    request.response_format = "wav";
    modelmesh::byte_stream sound = co_await client.audio.speech.stream(request);
    std::ofstream file(path, std::ios::binary);
    std::size_t size = 0;
    while (const auto piece = co_await sound.next()) {
        file << *piece;
        size += piece->size();
    }
    std::cout << path << ": " << size << " bytes\n";
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(read_aloud(argc > 2 ? argv[1] : "Hello there.", argc > 2 ? argv[2] : "speech.wav"));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
