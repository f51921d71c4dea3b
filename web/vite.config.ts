import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { build, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const API = process.env.PUNCTUAL_URL ?? 'http://127.0.0.1:3000';

const filesIn = (folder: string, prefix = ''): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? filesIn(join(folder, entry.name), `${prefix}${entry.name}/`)
      : [`${prefix}${entry.name}`],
  );

/**
 * Builds `sw.js` after everything else: one classic script without imports, at the root, under a name that stays. It
 * holds the list of the shell's files; its version is their content, so that it changes exactly when they do.
 */
function serviceWorker(): Plugin {
  let outDir = '';
  return {
    name: 'punctual-service-worker',
    apply: 'build',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const files = filesIn(outDir).filter((file) => file !== 'sw.js' && !file.endsWith('.map'));
      const hash = createHash('sha256');
      for (const file of files.sort()) hash.update(file).update(readFileSync(join(outDir, file)));
      await build({
        configFile: false,
        publicDir: false,
        logLevel: 'warn',
        define: {
          __VERSION__: JSON.stringify(hash.digest('hex').slice(0, 16)),
          __SHELL__: JSON.stringify(files.map((file) => (file === 'index.html' ? '/' : `/${file}`))),
        },
        build: {
          outDir,
          emptyOutDir: false,
          target: 'es2023',
          rolldownOptions: {
            input: 'src/sw/sw.ts',
            output: { format: 'iife', entryFileNames: 'sw.js' },
          },
        },
      });
    },
  };
}

export default defineConfig({
  plugins: [react(), serviceWorker()],
  build: {
    target: 'es2023',
    // Inlined assets would be `data:` fonts and scripts, which the content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What several parts share is one file, which packs better than many small ones; but not what only later parts share.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'shared', minShareCount: 2, test: /^(?!.*\/(History|Receipts|ReminderPicker)\.tsx)/ },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': API, '/healthz': API } },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
