// A place to drop, choose or record songs. Runs in gr.HTML, which gives `element`, `trigger` and `upload`.
const zone = element.querySelector(".va-zone");
const input = element.querySelector("input");
const recordButton = element.querySelector(".va-record");
const state = element.querySelector(".va-state");
const limits = JSON.parse(element.querySelector(".va-drop").dataset.limits);
// The page plays its own copy of a song, because the server deletes the upload.
const songs = (window.astVaSongs ??= new Map());

const say = (text, isError = false) => {
  state.textContent = text;
  state.classList.toggle("va-failed", isError);
};

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");

const problem = (files) => {
  if (files.length > limits.songs) {
    return `Expected ${limits.songs > 1 ? `at most ${limits.songs} songs` : "one song"} at a time, but got ${files.length}.`;
  }
  const large = files.find((file) => file.size > limits.bytes);
  if (large) {
    const [limit, given] = [limits.bytes, large.size].map((bytes) => bytes / 1e6);
    return `${large.name}: expected a file of at most ${limit} MB, but got ${given.toFixed(1)} MB.`;
  }
  const empty = files.find((file) => !file.size);
  return empty ? `${empty.name}: expected an audio file, but it is empty.` : "";
};

// `playable` is what the page plays, if it is not the uploaded file.
const send = async (files, playable) => {
  const text = problem(files);
  if (text || !files.length) {
    say(text, true);
    return;
  }
  try {
    const sent = [];
    for (const [i, file] of files.entries()) {
      say(files.length > 1 ? `Uploading ${i + 1} of ${files.length}: ${file.name}` : `Uploading ${file.name}`);
      const key = newKey();
      songs.set(key, playable ?? file);
      const ending = /\.[a-z0-9]{1,8}$/i.exec(file.name)?.[0] ?? "";
      // Under the name of its key: uploads of the same song by two people are two files.
      const { path } = await upload(new File([file], key + ending, { type: file.type }));
      sent.push({ path, name: file.name, key });
    }
    say("");
    trigger("upload", { songs: sent });
  } catch (error) {
    say(`The upload failed: ${error.message ?? error}. Try again.`, true);
  }
};

input.addEventListener("change", () => {
  send(Array.from(input.files));
  input.value = ""; // so that the same file can be chosen again
});
for (const type of ["dragenter", "dragover"]) {
  zone.addEventListener(type, (event) => {
    event.preventDefault();
    zone.classList.add("va-over");
  });
}
for (const type of ["dragleave", "drop"]) {
  zone.addEventListener(type, () => zone.classList.remove("va-over"));
}
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = Array.from(event.dataTransfer.files);
  files.length ? send(files) : say("Expected a file, but got something else.", true);
});

// A recording becomes a WAV file at the rate of the model, which every decoder reads.
const toWav = async (blob) => {
  const context = new OfflineAudioContext(1, 1, limits.rate);
  const audio = await context.decodeAudioData(await blob.arrayBuffer());
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  const view = new DataView(new ArrayBuffer(44 + 2 * audio.length));
  const write = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, 36 + 2 * audio.length, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // length of the format, which is PCM of one channel
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, limits.rate, true);
  view.setUint32(28, 2 * limits.rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, "data");
  view.setUint32(40, 2 * audio.length, true);
  for (let i = 0; i < audio.length; i++) {
    const mean = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
    view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, mean))), true);
  }
  return new File([view], "Recording.wav", { type: "audio/wav" });
};

let recorder = null;
const record = async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const start = Date.now();
  const clock = setInterval(() => {
    const seconds = Math.floor((Date.now() - start) / 1000);
    say(`Recording ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
    if (seconds >= limits.seconds) recorder.stop();
  }, 500);
  recorder.addEventListener("stop", async () => {
    clearInterval(clock);
    stream.getTracks().forEach((track) => track.stop());
    recordButton.textContent = "Record";
    recordButton.classList.remove("va-on");
    const blob = new Blob(parts, { type: recorder.mimeType });
    recorder = null;
    try {
      await send([await toWav(blob)], blob);
    } catch (error) {
      say(`The recording cannot be read: ${error.message ?? error}.`, true);
    }
  });
  recorder.start();
  recordButton.textContent = "Stop and rate";
  recordButton.classList.add("va-on");
  say("Recording 0:00");
};
// Browsers allow the microphone on secure pages only, and on this computer.
recordButton.hidden = limits.songs > 1 || !navigator.mediaDevices || !window.MediaRecorder;
recordButton.addEventListener("click", async () => {
  if (recorder) {
    recorder.stop();
    return;
  }
  try {
    await record();
  } catch (error) {
    say(`The microphone cannot be used: ${error.message ?? error}.`, true);
  }
});
