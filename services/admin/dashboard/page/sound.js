// A short tone for each verdict, for whoever asked for it.

const TONES = { Far: [220], Close: [440], Correct: [523, 659, 784] };
const TONE_S = 0.12;

let audio = null;

// A browser lets a page sound only from a click on, and some have no sound at all: the game goes on without.
export function allowSound() {
  try {
    audio ??= new AudioContext();
    audio.resume().catch(() => {});
  } catch {
    audio = null;
  }
}

export function chime(verdict) {
  if (!audio) return;
  TONES[verdict].forEach((hertz, index) => {
    const from = audio.currentTime + index * TONE_S;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.15, from);
    volume.gain.exponentialRampToValueAtTime(0.001, from + TONE_S * 2);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(from + TONE_S * 2);
  });
}
