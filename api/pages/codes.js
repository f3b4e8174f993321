// Codes: what is wrong and what a person can do about it, and what a warning says.

/** By code: what is the matter with the photos that have it, and what to do. */
const FAILURES = {
  truncated: ["The file is incomplete", "Copy or scan it again."],
  corrupt: ["The file is damaged", "Copy or scan it again, or save it anew in another program."],
  unsupported_picture: ["A kind of picture that is not read", "Save it anew in gray or RGB as TIFF, PNG or JPEG."],
  not_a_picture: ["The file is no picture", "Choose a TIFF, JPEG, JPEG 2000, PNG, WebP or BMP file."],
  unsupported_media: ["The file is no picture", "Choose a TIFF, JPEG, JPEG 2000, PNG, WebP or BMP file."],
  too_large: ["The file is too large", "Save a smaller copy, or ask whoever runs this server to raise the limit."],
  too_many_pixels: ["The picture is too large", "Save a smaller copy, or ask whoever runs this server to raise the limit."],
  too_many_pages: ["The file has too many pages", "Save fewer pages into a file, or ask whoever runs this server to raise the limit."],
  metadata_too_large: ["The file's profile or descriptions are too large", "Save it without its profile or metadata, or ask whoever runs this server to raise the limit."],
  too_expensive: ["Reading the file took too much memory or time", "The file may be damaged in an unusual way. Save it anew in another program, or smaller."],
  decode_crashed: ["Reading the file crashed", "The file is damaged in an unusual way. Save it anew in another program."],
  already_color: ["The photo is in color already", "Nothing was made, as the options say."],
  worker_lost: ["The workers that took the photo were lost", "Try it once more. If it fails again, the file may be damaged in an unusual way."],
  master_missing: ["The server no longer has the file", "Send it again."],
  master_damaged: ["The file was damaged in storage", "Tell whoever runs this server, and send it again."],
  source_missing: ["The file is not in its bucket", "Put it there, or correct its address, and submit it again."],
  source_changed: ["The file in the bucket was replaced after it was submitted", "Retry, if the new one is meant."],
  manifest_damaged: ["The server lost its note of which file this was", "Tell whoever runs this server, and send the photo again."],
  net_failed: ["The net gave no usable answer", "Tell whoever runs this server."],
};

/** Failures that come again with the same file, as shared/errors.py says. */
const OF_THE_FILE = ["truncated", "corrupt", "unsupported_picture", "not_a_picture", "unsupported_media", "decode_crashed", "already_color"];

/** Failures that come again until somebody raises a limit. */
const OF_A_LIMIT = ["too_large", "too_many_pixels", "too_many_pages", "metadata_too_large", "too_expensive"];

/** By code: what to do where a call was refused. */
const REFUSALS = {
  unauthorized: "Enter a key above, then choose the photos again.",
  forbidden: "Then choose the photos again.",
  rate_limited: "Wait a moment.",
  quota_exceeded: "Wait until other photos are done, or until tomorrow.",
  job_ended: "There is nothing left to stop or to move.",
  storage_unavailable: "Try again in a moment; what the server has taken is safe.",
  index_unavailable: "Try again in a moment; what the server has taken is safe.",
};

const WARNINGS = {
  low_color: "The net found almost no color for this picture.",
  multi_page: "The file has several pages; the first one was colored.",
  already_color: "The photo is in color already; its colors were replaced.",
  profile_replaced: "The color profile could not be kept; the result is sRGB.",
  profile_unreadable: "The color profile could not be read; the photo was taken as sRGB.",
  cmyk_without_profile: "The inks have no color profile; the photo was taken as if they were ideal.",
  depth_reduced: "The file format holds 8 bits a sample; the photo had more.",
  alpha_dropped: "The file format holds no transparency; it was left out.",
  format_changed: "The result is a PNG, since the photo's own format cannot say that the color was added.",
  metadata_dropped: "Some of the file's descriptions have no place in the result's format.",
  metadata_unreadable: "Some of the file's descriptions could not be read and were left out.",
  nan_as_black: "Some points of the photo are no numbers; they are black.",
  range_scaled: "The brightness values went beyond the usual range; they were scaled to fit.",
  extra_channels_dropped: "The file has further channels; they were left out.",
  gamma_ignored: "The file names an unusual gamma without a profile; the photo was taken as sRGB.",
};

/** @param {string} code @returns {string} */
export const failureOf = (code) => FAILURES[code]?.[0] ?? "Something else went wrong";

/** @param {string} code @returns {string} */
export const adviceOn = (code) => FAILURES[code]?.[1] ?? REFUSALS[code] ?? "";

/** @param {string} code @returns {string} */
export const warningOf = (code) => WARNINGS[code] ?? code;

/**
 * Whether trying once more can help.
 * @param {string[]} codes of what failed @param {boolean} all whether there are no others
 * @returns {{sensible: boolean, words: string}}
 */
export function prospect(codes, all) {
  const file = codes.filter((code) => OF_THE_FILE.includes(code));
  const limit = codes.filter((code) => OF_A_LIMIT.includes(code));
  if (all && codes.length && file.length === codes.length) {
    return { sensible: false, words: "Trying once more would end the same way: the files themselves are the reason." };
  }
  const words = [];
  if (file.length) words.push("Photos whose file is the reason will fail once more.");
  if (limit.length) words.push("Photos beyond a limit will fail until whoever runs this server has raised it.");
  return { sensible: true, words: words.join(" ") };
}
