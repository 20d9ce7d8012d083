// The songs that are shown as a playlist (M3U8). Its paths are absolute: it is saved in another folder than the page.

function playlistText(songs) {
  const lines = ["#EXTM3U"];
  let leftOut = 0;
  for (const song of songs) {
    const address = playlistAddress(song);
    if (/[\r\n]|\s$/.test(address)) {
      leftOut += 1; // a line cannot hold it
    } else {
      const names = [artistOf(song), titleOf(song)].filter(Boolean).map(oneLine);
      lines.push(`#EXTINF:-1,${names.join(" - ")}`, address);
    }
  }
  return { text: lines.join("\n") + "\n", leftOut };
}

function oneLine(text) {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
}

// A path on this machine if the page was opened from the disk, else a URL.
function playlistAddress(song) {
  const address = urlOf(song);
  if (SCHEME.test(address) && !/^file:/i.test(address)) return address;
  const url = new URL(address, location.href);
  if (url.protocol !== "file:") return url.href;
  let path;
  try {
    path = decodeURIComponent(url.pathname);
  } catch (error) {
    return url.href; // bytes of the name are not UTF-8
  }
  if (url.host !== "") return `\\\\${url.host}${path.replaceAll("/", "\\")}`;
  return /^\/[a-z]:/i.test(path) ? path.slice(1).replaceAll("/", "\\") : path;
}

function downloadPlaylist(songs) {
  const { text, leftOut } = playlistText(songs);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/vnd.apple.mpegurl" }));
  link.download = "music-map.m3u8";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const note = document.getElementById("left-out");
  note.hidden = leftOut === 0;
  note.textContent = `Left out of the playlist, because of line breaks or last spaces in names: ${leftOut}.`;
}
