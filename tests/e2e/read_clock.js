// Reads the time burnt into the test picture (doc/ref/test-picture.md) out of an element's pixels; null when there is none.
// SPDX-License-Identifier: Apache-2.0
window.readClock = element => {
	const width = element.videoWidth || element.naturalWidth || element.width, height = element.videoHeight || element.naturalHeight || element.height;
	if (!width)
		return null;
	const cell = width / 80, rows = Math.max(1, Math.round(cell));
	const canvas = window.clockCanvas ||= document.createElement("canvas");
	Object.assign(canvas, {width, height: rows});
	const g = canvas.getContext("2d", {willReadFrequently: true});
	g.drawImage(element, 0, Math.round(height - 1.5 * cell), width, rows, 0, 0, width, rows);
	const pixels = g.getImageData(0, 0, width, rows).data;
	const means = Array.from({length: 80}, (_, i) => {
		let sum = 0, n = 0;
		for (let y = 0; y < rows; y++)
			for (let x = Math.floor(i * cell + cell / 4); x < i * cell + cell * 3 / 4; x++, n++)
				sum += pixels[4 * (y * width + x) + 1];
		return sum / n;
	});
	const threshold = (means[0] + means[1] + means[2] + means[3]) / 4, bits = means.map(m => m > threshold ? 1 : 0);
	const number = (from, n) => bits.slice(from, from + n).reduce((v, b) => v * 2 + b, 0);
	let check = 0xA5;
	for (let i = 0; i < 8; i++)
		check ^= number(4 + 8 * i, 8);
	return bits.slice(0, 4).join("") === "1010" && check === number(68, 8) ? number(4, 64) : null;
};

// Every frame that is shown for so many ms: [{burnt, at, said}] in ms; said is the capture time that the page shows.
window.watchClock = (video, ms) => new Promise(resolve => {
	const seen = [], until = performance.now() + ms;
	const frame = () => {
		seen.push({burnt: window.readClock(video), at: Date.now(), said: Number(document.querySelector(".big-time").dataset.ms)});
		performance.now() < until ? video.requestVideoFrameCallback(frame) : resolve(seen);
	};
	video.requestVideoFrameCallback(frame);
	setTimeout(() => resolve(seen), ms + 3000);
});
