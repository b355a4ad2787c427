// What is said in an audio file, which is read while it is sent.
//   transcription FILE      with OPENAI_API_KEY or OPENAI_BASE_URL set
#include <modelmesh/modelmesh.hpp>

#include <modelmesh/api/audio.hpp>

#include <iostream>

modelmesh::task<> transcribe(std::string path) {
    modelmesh::client client = modelmesh::create("speech-to-text");
    modelmesh::audio::transcription_request request;
    request.model = "speech-to-text";
    request.file = modelmesh::http::attach_file(path).value();
    const modelmesh::audio::transcription said = co_await client.audio.transcriptions.create(request);
    std::cout << said.text << "\n";
}

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: transcription FILE\n";
        return 2;
    }
    try {
        modelmesh::run(transcribe(argv[1]));
        return 0;
    } catch (const std::exception& failure) { // modelmesh::error, and a file that cannot be opened
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
